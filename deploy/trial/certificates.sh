#!/bin/sh
# Makes what the trial's TLS needs in the folder that is given, unless it is there: a CA, the gateway's certificate for
# localhost, and an agent's. For trials: the CA's key is thrown away, and everything ends after 30 days.
set -eu
umask 077
folder=$1
[ -s "$folder/agent.pem" ] && exit 0
work=$(mktemp -d "$folder/.making-XXXXXX")
trap 'rm -rf "$work"' EXIT

new_key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
# shellcheck disable=SC2086  # several options in one word
openssl req -x509 $new_key -days 30 -subj '/CN=Sallyport trial CA' -keyout "$work/ca.key" -out "$work/ca.pem"

issue() {
  # shellcheck disable=SC2086
  openssl req $new_key -subj "/CN=$2" -keyout "$work/$1.key" -out "$work/$1.csr"
  printf '%s\n' "$3" > "$work/$1.ext"
  openssl x509 -req -days 30 -in "$work/$1.csr" -extfile "$work/$1.ext" \
    -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -out "$work/$1.pem"
}
issue server localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1'
issue agent agent-1 'extendedKeyUsage=clientAuth'

# The agent's last: its being there says that all is.
for file in ca.pem server.pem server.key agent.key agent.pem; do mv "$work/$file" "$folder/$file"; done
