#!/bin/sh
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Process 1 of the backend's container, as production's package manager is: it starts the service, passes signals on and reports its end.
# It is there because operators meet it: a signal to process 1 is not a signal to the service, and it is the shell that says "Killed" in the
# log when the kernel ends the service.

service=
trap 'kill -TERM "$service" 2>/dev/null' TERM INT

python3 /app/app.py &
service=$!
wait "$service"
status=$?
# A caught signal ends the first wait early (status above 128) while the service still closes: wait for its real end.
while kill -0 "$service" 2>/dev/null; do
  wait "$service"
  status=$?
done
exit "$status"
