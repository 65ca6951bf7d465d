"""Checks that the shim reaches every call that it should."""
import subprocess

import faults

# The functions that concern no file of a journal, or cannot fail there. syscall() is called only with an older glibc, in place of getdents64,
# which the shim has.
OTHERS = set("""
lseek poll fopen fopen64 fgets fclose sscanf __isoc99_sscanf snprintf __snprintf_chk __fgets_chk inotify_rm_watch eventfd_read eventfd_write
read readlink __readlink_chk getcwd getpid geteuid getrlimit sysconf mmap munmap madvise
sched_yield pthread_sigmask sigtimedwait sigpending sigismember sigemptyset sigaddset pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock
pthread_mutex_unlock malloc calloc realloc free posix_memalign memchr memcmp bcmp memcpy memmove memset explicit_bzero qsort strcmp strlen strnlen strtod newlocale uselocale
freelocale secure_getenv getauxval strerrordesc_np strerror_r syscall __errno_location __stack_chk_fail
""".split())


def symbols(file, *options):
    lines = subprocess.run(["nm", "-D", *options, file], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines if line.split()[-2] not in "wvV"}


def test_every_call_of_the_library_for_files_is_one_of_the_shim():
    """If the library begins to make a call that no test lets fail, this test fails."""
    wanted = {name for name in symbols(faults.LIBRARY, "--undefined-only") if not name.startswith(("json_", "__asan", "__ubsan"))}
    missing = wanted - OTHERS - symbols(faults.programs() / "libshim.so", "--defined-only")
    assert not missing, f"the shim knows nothing of {sorted(missing)}"


def test_rules_count_and_wait_for_one_another():
    path = faults.fresh()
    run = faults.script(path, rules="write:journal@2=none>write@1=short:5>write@1=none openat@99=none any@3=EINTR>openat@99=none", calls=True)
    assert run.fired == {0: ("write", "journal"), 1: ("write", "journal"), 2: ("write", "journal"), 4: run.calls[2]}
    run = faults.script(faults.fresh(), rules="write@1=kill")
    assert run.killed and run.statuses() == []


def test_other_programs_run_before_a_call():
    path = faults.fresh()
    run = faults.script(path, rules="write@1=meanwhile:EIO write@2+=meanwhile", meanwhile=["echo $LD_PRELOAD >log", "false"])
    assert path.with_name("log").read_text() == "\n" and (path.exists(), run.statuses()[0]) == (True, ("open", faults.IO))
    assert run.violations[:2] == ["violation: meanwhile: false", "violation: meanwhile: there is no command for it"]


def test_the_record_says_what_is_in_the_file():
    import powerloss
    for what in ["everything", "few"]:
        trace, path = faults.scratch() / "trace", faults.fresh()
        trace.unlink(missing_ok=True)
        faults.script(path, "power", what, trace=trace)
        disk = powerloss.Disk()
        for operation in powerloss.read_trace(trace.read_bytes()):
            if operation.name != "mark":
                disk.run(operation)
        assert {name: bytes(file.seen) for name, file in disk.names.items()} == {file.name: file.read_bytes() for file in path.parent.iterdir()}
        assert disk.names == disk.safe_names and disk.names["s.jsonl"].safe == disk.names["s.jsonl"].seen
