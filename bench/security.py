#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast nginx's log is judged and addresses are blocked, beside fail2ban and beside what cannot be undercut.

Fails when a bar is missed. The log is made by numbers. The bans are in a network namespace of their own, so that no rule of this machine is
touched. fail2ban is Debian's package, unpacked into .cache and run from there: it is not installed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from outcome import conclude
from stack import CHECKOUT, RESULTS, NotMeasured, end_as_by_ctrl_c, tell, wait_for
from table import Bar, Ran, Row, in_turns

# The bars.
TIMES_BARE, TIMES_FAIL2BAN, MEMORY_KILOBYTES = 3, 10, 100 * 1024
TIMES_NFT, TIMES_FAIL2BAN_BANS, AGAIN_SECONDS = 2, 500, 1.0
SECONDS = 900.0
NAMESPACE = f"bench-security-{os.getpid()}"
FAIL2BAN = CHECKOUT / ".cache" / "fail2ban"
RULES = CHECKOUT / "roles" / "ip_block" / "defaults" / "main.yml"
BARE = "import sys\nwith open(sys.argv[1], 'rb') as log:\n    for line in log:\n        line.split()\n"
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
)
PATHS = ("/", "/api/companies", "/api/subscriptions", "/_next/static/chunks/main.js", "/api/locations?page=2", "/favicon.ico")


def measured(words: Sequence[str], given: str | None = None, environment: dict[str, str] | None = None) -> tuple[Ran, str]:
    """A command's time and what it says; it has to succeed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise NotMeasured(f"`{' '.join(words)[:200]}` failed: {done.stderr.strip()[-500:]}")
    return Ran(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done.stdout


def ours(told: dict[str, t.Any], inside: bool = False) -> tuple[Ran, dict[str, t.Any]]:
    """Our own work in a process of its own, Python's start included; *inside* the namespace or not."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible" / "collections")}
    words = [sys.executable, str(Path(__file__).with_name("security_process.py"))]
    ran, said = measured([*(["ip", "netns", "exec", NAMESPACE] if inside else []), *words], json.dumps(told), environment)
    return ran, json.loads(said)


def make_log(path: Path, lines: int) -> None:
    """A log with visitors, a botnet that tries passwords, and scanners: about an eighth are attacks."""
    numbers = random.Random(2)  # noqa: S311 - only has to be the same each time
    visitors = [f"198.51.{numbers.randrange(256)}.{numbers.randrange(256)}" for _number in range(5000)]
    with path.open("w", encoding="ascii") as log:
        for number in range(lines):
            stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(1_795_000_000 + number // 50))
            chance = numbers.random()
            if chance < 0.1:
                who, asked, agent = f"203.0.113.{numbers.randrange(200)}", '"POST /api/auth/login HTTP/1.1" 401 59', "curl/7.88.1"
            elif chance < 0.12:
                who = f"203.0.113.{200 + numbers.randrange(3)}"
                asked, agent = f'"GET /wp-{numbers.randrange(999)}.php HTTP/1.1" 404 59', "zgrab/0.x"
            else:
                who, agent = numbers.choice(visitors), numbers.choice(AGENTS)
                asked = f'"GET {numbers.choice(PATHS)} HTTP/1.1" 200 {numbers.randrange(9999)}'
            log.write(f'{who} - - [{stamp}] {asked} "https://app.example.com/" "{agent}"\n')


def make_error_log(path: Path, lines: int) -> None:
    """What fail2ban's filter for nginx reads: refused passwords."""
    with path.open("w", encoding="ascii") as log:
        for number in range(lines):
            stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(1_795_000_000 + number // 50))
            log.write(
                f'{stamp} [error] 57#57: *{number} user "admin": password mismatch, client: 203.0.113.{number % 250}, server: _, '
                'request: "GET / HTTP/1.1", host: "app.example.com"\n'
            )


def fail2ban() -> dict[str, str]:
    """The environment in which Debian's fail2ban runs; it is unpacked the first time."""
    if not (FAIL2BAN / "usr/bin/fail2ban-regex").exists():
        tell("unpacking Debian's fail2ban")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["apt-get", "download", "-q", "fail2ban"], cwd=folder, capture_output=True, text=True, check=False)
            found = list(Path(folder).glob("*.deb"))
            if done.returncode or not found:
                raise NotMeasured("Debian's package fail2ban cannot be had here; run `apt-get update`, or measure on Debian")
            measured(["dpkg-deb", "-x", str(found[0]), str(FAIL2BAN)])
    return {**os.environ, "PYTHONPATH": str(FAIL2BAN / "usr/lib/python3/dist-packages")}


@contextlib.contextmanager
def namespace() -> Iterator[None]:
    """A network of its own, with rules of its own."""
    measured(["ip", "netns", "add", NAMESPACE])
    try:
        yield
    finally:
        measured(["ip", "netns", "delete", NAMESPACE])


def inside(*words: str, environment: dict[str, str] | None = None) -> tuple[Ran, str]:
    """A command in it."""
    return measured(["ip", "netns", "exec", NAMESPACE, *words], environment=environment)


class Bans:
    """The same addresses, blocked in several ways."""

    def __init__(self, folder: Path, count: int) -> None:
        numbers = random.Random(1)  # noqa: S311 - only has to be the same each time
        found: set[str] = set()
        while len(found) < count:
            found.add(
                f"{numbers.choice((5, 45, 91, 185, 203))}.{numbers.randrange(256)}.{numbers.randrange(256)}.{numbers.randrange(1, 255)}"
            )
        self._folder, self._ledger = folder, folder / "ledger.json"
        self._list, self._set = folder / "addresses", folder / "set.nft"
        self._list.write_text("\n".join(sorted(found)), encoding="ascii")
        elements = ", ".join(f"{address} timeout 86400s" for address in sorted(found))
        self._set.write_text(
            "add table inet bare\nadd set inet bare a { type ipv4_addr; flags interval, timeout; }\n"
            "add chain inet bare p { type filter hook prerouting priority -310; }\nadd rule inet bare p ip saddr @a drop\n"
            f"add element inet bare a {{ {elements} }}\n",
            encoding="ascii",
        )

    def bare(self) -> Ran:
        """`nft -f` of the set."""
        inside("nft", "flush", "ruleset")
        return inside("nft", "-f", str(self._set))[0]

    def ours(self) -> tuple[Ran, Ran, Ran]:
        """Blocking all on trial, confirming, and the second run with the same list."""
        inside("nft", "flush", "ruleset")
        self._ledger.unlink(missing_ok=True)
        told = {"ledger": str(self._ledger), "addresses": str(self._list)}
        first, answer = ours(told, inside=True)
        confirmed, _answer = ours({**told, "confirm": answer["run"]}, inside=True)
        again, second = ours(told, inside=True)
        if not answer["changed"] or second["changed"]:
            raise NotMeasured("the first run changed nothing, or the second one did; look at test_packets.py")
        return first, confirmed, again

    def fail2ban(self, environment: dict[str, str], count: int) -> Ran:
        """fail2ban's server with its nftables action, told to ban so many: until the last one is in the kernel."""
        inside("nft", "flush", "ruleset")
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        measured(["cp", "-r", f"{FAIL2BAN}/etc/fail2ban/action.d", f"{FAIL2BAN}/etc/fail2ban/filter.d", str(folder)])
        (folder / "fail2ban.conf").write_text(
            "[Definition]\nloglevel = ERROR\nsyslogsocket = auto\ndbfile = None\ndbpurgeage = 1d\nallowipv6 = auto\n"
        )
        (folder / "log").write_text("")
        (folder / "jail.conf").write_text(
            f"[nginx-http-auth]\nenabled = true\nfilter = nginx-http-auth\nbackend = polling\nlogpath = {folder}/log\n"
            "action = nftables[type=allports]\nbantime = 1d\n"
        )
        where = ["-c", str(folder), "-s", f"{folder}/socket", "-p", f"{folder}/pid", "--logtarget", f"{folder}/messages"]
        client = ["/usr/bin/python3", f"{FAIL2BAN}/usr/bin/fail2ban-client", *where]
        words = ["ip", "netns", "exec", NAMESPACE, "/usr/bin/python3", f"{FAIL2BAN}/usr/bin/fail2ban-server", *where, "-f", "start"]
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                wait_for(
                    lambda: not subprocess.run([*client, "ping"], env=environment, capture_output=True, check=False).returncode,
                    30,
                    "fail2ban did not start",
                )
                addresses = [f"203.0.{number // 250}.{1 + number % 250}" for number in range(count)]
                began = time.monotonic()
                measured([*client, "set", "nginx-http-auth", "banip", *addresses], environment=environment)
                wait_for(lambda: inside("nft", "list", "ruleset")[1].count("203.0.") >= count, 120, "fail2ban had not banned all")
                return Ran(time.monotonic() - began, 0.0)
            finally:
                server.terminate()


def scaled(ran: Ran, factor: float) -> Ran:
    """For so many times as much."""
    return Ran(ran.seconds * factor, ran.processor * factor)


def measure(options: argparse.Namespace, folder: Path) -> tuple[list[Row], list[str], str]:
    """The table, what was missed beside its bars, and a note."""
    environment = fail2ban()
    log, errors, bans = folder / "access.log", folder / "error.log", Bans(folder, options.addresses)
    tell(f"making a log of {options.lines} lines")
    make_log(log, options.lines)
    make_error_log(errors, options.sample)
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["ip_block_rules"]
    regex = ["/usr/bin/python3", f"{FAIL2BAN}/usr/bin/fail2ban-regex", "-c", f"{FAIL2BAN}/etc/fail2ban", str(errors)]
    regex.append(f"{FAIL2BAN}/etc/fail2ban/filter.d/nginx-http-auth.conf")
    runs: dict[str, list[Ran]] = {}
    peak = 0

    def keep(name: str, ran: Ran) -> None:
        runs.setdefault(name, []).append(ran)
        tell(f"{name}: {ran.seconds:.2f} s")

    with namespace():
        for _turn, name in in_turns(["bare", "ours", "fail2ban-regex", "nft", "block", "fail2ban"], options.turns):
            if name == "bare":
                keep(name, measured([sys.executable, "-c", BARE, str(log)])[0])
            elif name == "ours":
                ran, answer = ours({"log": str(log), "rules": rules})
                if answer["lines"] != options.lines or answer["malformed"] or len(answer["attacks"]) < 2:
                    raise NotMeasured(f"the log was read wrongly: {answer}")
                peak = max(peak, answer["kilobytes"])
                keep(name, ran)
            elif name == "fail2ban-regex":
                keep(name, scaled(measured(regex, environment=environment)[0], options.lines / options.sample))
            elif name == "nft":
                keep(name, bans.bare())
            elif name == "block":
                for part, ran in zip(("block", "confirm", "again"), bans.ours(), strict=True):
                    keep(part, ran)
            else:
                keep(name, scaled(bans.fail2ban(environment, options.bans), options.addresses / options.bans))
    bare, regex_row = (
        Row("bare read and split", runs["bare"]),
        Row(f"fail2ban-regex, of {options.sample} lines scaled", runs["fail2ban-regex"]),
    )
    nft, banned = Row("nft -f", runs["nft"]), Row(f"fail2ban, of {options.bans} bans scaled", runs["fail2ban"])

    def fraction(base: Row, name: str, part: int) -> Bar:
        return Bar(name, base.median, f"≤ 1/{part} of {name}", base.median / part)

    second = Bar("a second", AGAIN_SECONDS, f"≤ {AGAIN_SECONDS:g} s", AGAIN_SECONDS)
    whole = [Ran(one.seconds + two.seconds, one.processor + two.processor) for one, two in zip(runs["block"], runs["confirm"], strict=True)]
    rows = [
        *(bare, regex_row),
        Row("access_log_info", runs["ours"], Bar.times("bare", bare.median, TIMES_BARE)),
        Row("access_log_info", runs["ours"], fraction(regex_row, "fail2ban-regex", TIMES_FAIL2BAN)),
        *(nft, banned),
        Row("ip_block", runs["block"], Bar.times("nft -f", nft.median, TIMES_NFT)),
        Row("ip_block", runs["block"], fraction(banned, "fail2ban", TIMES_FAIL2BAN_BANS)),
        Row("ip_block and its confirmation", whole),
        Row("ip_block, the second run", runs["again"], second),
    ]
    missed = [f"memory ({peak / 1024:.0f} MB)"] if peak > MEMORY_KILOBYTES else []
    note = (
        f"{options.lines} lines, {options.addresses} addresses. Peak memory of access_log_info: {peak / 1024:.0f} MB (bar "
        f"{MEMORY_KILOBYTES // 1024} MB). Each is a process of its own, its start included."
    )
    return rows, missed, note


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000, help="of the log (default %(default)s)")
    parser.add_argument("--sample", type=int, default=50_000, help="of them for fail2ban-regex (default %(default)s)")
    parser.add_argument("--addresses", type=int, default=100_000, help="to block (default %(default)s)")
    parser.add_argument("--bans", type=int, default=200, help="of them by fail2ban (default %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="repetitions of each measurement (default %(default)s)")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "security.md", help="file for the table as Markdown")
    options = parser.parse_args()
    if min(options.lines, options.sample, options.addresses, options.bans, options.turns) < 1:
        parser.error("give at least one of each")
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory() as home:
            rows, missed, note = measure(options, Path(home))
    except NotMeasured as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; the namespace is removed", file=sys.stderr)
        return 130
    note += f" Medians of one run on {os.cpu_count()} cores, load {load:.1f} at its start and {os.getloadavg()[0]:.1f} at its end."
    return conclude(rows, note, missed, options.markdown)


if __name__ == "__main__":
    sys.exit(main())
