#!/usr/bin/env bash
# Makes the container a small host for nginx: a certificate where certbot would put one, nginx started as a service, and then a wait for
# the container's end. nginx may be stopped and started meanwhile (`service nginx stop`) without ending the container.
set -euo pipefail

certificate=/etc/letsencrypt/live/circuit-sage

if [ ! -s "$certificate/fullchain.pem" ]; then
  mkdir -p "$certificate"
  (
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=${DOMAIN_NAME:-circuit-sage.test}" \
      -addext "subjectAltName=DNS:${DOMAIN_NAME:-circuit-sage.test},DNS:localhost,IP:127.0.0.1" \
      -keyout "$certificate/privkey.pem" -out "$certificate/fullchain.pem" 2>/dev/null
  )
fi

# On a host the port of a dead backend refuses at once. Here its address vanishes with it; the kernel is told to notice within a fraction
# of a second instead of seven, so that nginx answers 502 in 0.2 s (the first time 1.2 s, after a lost packet is sent again).
ip ntable change name arp_cache dev eth0 base_reachable 100 delay_probe 50 retrans 100 ucast_probes 1 mcast_probes 2

rm -f /run/nginx.pid  # a killed container leaves it behind
service nginx start

trap 'service nginx stop; exit 0' TERM INT
sleep infinity &
wait
