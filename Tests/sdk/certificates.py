"""Certificates for tests, made with openssl."""

import subprocess

DEADLINE = 30


class Authority:
    """A certificate authority in a folder, which signs certificates for 127.0.0.1 and kvs.localhost."""

    def __init__(self, folder, subject="/CN=Test authority"):
        self.folder = folder
        self.file = folder / "ca.pem"
        self._run("req", "-x509", *self._new_key("ca.key"), "-out", "ca.pem", "-days", "2", "-subj", subject,
                  "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1,DNS:kvs.localhost\nbasicConstraints=CA:FALSE\n")

    def sign(self, name, *dates):
        """Makes NAME.pem and NAME.key, valid for two days, or as `dates` says."""
        self._run("req", *self._new_key(f"{name}.key"), "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                  *(dates or ("-days", "2")), "-extfile", "extensions", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    @staticmethod
    def _new_key(name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name

    def _run(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, done.stderr
