#!/usr/bin/env bash
# Makes an authority and the certificates of two receivers for the tests of deliveries. Both are good for a hundred years and protect nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj "/CN=Test authority" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" -keyout authority.key -out authority.pem

# certificate FILE SUBJECT-ALTERNATIVE-NAME
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out request
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$2" >extensions
    openssl x509 -req -in request -CA authority.pem -CAkey authority.key -days 36500 -extfile extensions -out "$1.pem"
}
certificate name DNS:receiver.test
certificate address IP:127.0.0.1
rm -f authority.key authority.srl request extensions
