"""Counts instructions by callgrind."""
import re
import subprocess


def instructions(*command, marked=False, timeout=None):
    """Returns how many instructions a program takes. If `marked` is true, these are only those between the program's own marks
    (CALLGRIND_START_INSTRUMENTATION), and what is before and after runs far quicker."""
    options = ["--instr-atstart=no"] if marked else []
    said = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *options, *map(str, command)],
                          check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout).stdout
    return int(re.search(r"Collected : (\d+)", said)[1])
