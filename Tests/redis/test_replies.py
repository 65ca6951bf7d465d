"""S20: replies are read as hiredis itself reads them, whatever comes, and without an error of memory."""
import random
import subprocess

from conftest import LONG
from servers import ROOT

PROGRAM = ROOT / "Tests/redis/programs/replies.c"
READER = ROOT / "Sources/CRedis"


def test_replies_are_read_as_hiredis_reads_them(tmp_path, numbers):
    program = tmp_path / "replies"
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
                    "-fno-sanitize-recover", f"-I{READER}/include", "-o", str(program), str(PROGRAM), str(READER / "reader.c"),
                    "-lhiredis", "-lssl", "-lcrypto"], check=True)
    count = 200_000 if LONG else 1000
    ran = subprocess.run([str(program), str(count), str(random.randrange(2**32) if LONG else 1)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-6000:]
    numbers(compared_replies=count)
