"""Stands in for the get-pip script that ansible-test downloads, for networks that reach a package index and nothing else.

ansible-test calls it as `FILE <pip options> pip==24.2 [...]`: Python's own ensurepip gives some pip, which installs the one asked for.
"""

from __future__ import annotations

import subprocess
import sys

NOT_FOR_PIP = ("--no-setuptools", "--no-wheel")

subprocess.run([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL, check=True)
subprocess.run([sys.executable, "-m", "pip", "install", *(word for word in sys.argv[1:] if word not in NOT_FOR_PIP)], check=True)
