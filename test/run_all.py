#!/usr/bin/env python3
"""Runs every test of the given build folders and counts them together.

In each folder: the lit suites under test/, then what CTest knows. The sources'
formatting is one more test. The last line printed is
`N passed, N failed, N skipped`; skipped tests are listed above it with what
they lack. The exit status is 0 only when none failed and some ran.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIT = "/usr/lib/llvm-22/bin/lit"


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = []  # (name, what it printed)
        self.skipped = []  # (name, reason)
        self.slow = []  # (seconds, name)

    def add_junit(self, path, label):
        """Adds the cases of an XML report; without one its runner failed."""
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ElementTree.ParseError) as error:
            self.failed.append((label, f"no report: {error}"))
            return
        for case in root.iter("testcase"):
            name = case.get("name")
            if label == "lit":  # its class is SUITE.FOLDER, or SUITE.SUITE
                suite, folder = case.get("classname").split(".", 1)
                name = name if folder == suite else f"{folder}/{name}"
            name = f"{label}: {name}"
            self.slow.append((float(case.get("time") or 0), name))
            skipped = case.find("skipped")
            output = case.findtext("system-out") or ""
            failure = case.find("failure")
            if skipped is not None:
                self.skipped.append(
                    (name, skip_reason(skipped.get("message") or "", output)))
            elif failure is not None:
                self.failed.append((name, failure.text or output))
            else:
                self.passed += 1


def skip_reason(message, output):
    """lit names the features that are missing; GoogleTest prints a reason
    on the line after `Skipped`."""
    missing = re.search(r"Missing required feature\(s\): (.*)", message)
    if missing:
        return f"needs {missing.group(1)}"
    printed = re.search(r": Skipped\n+(.+)", output)
    return printed.group(1).strip() if printed else message


def run(command, **options):
    print("$", " ".join(command), flush=True)
    return subprocess.call(command, **options)


def run_lit(build, counts, jobs):
    if not os.path.exists(os.path.join(build, "test", "lit.site.cfg.py")):
        return
    report = os.path.join(build, "lit-report.xml")
    remove(report)
    run([sys.executable, LIT, "-v", f"-j{jobs}", "--xunit-xml-output", report,
         os.path.join(build, "test")])
    counts.add_junit(report, "lit")


def run_ctest(build, counts, jobs, label):
    report = os.path.abspath(os.path.join(build, "ctest-report.xml"))
    remove(report)
    listing = subprocess.run(["ctest", "-N", "--test-dir", build],
                             capture_output=True, text=True).stdout
    if re.search(r"^Total Tests: 0$", listing, re.MULTILINE):
        return
    run(["ctest", "--test-dir", build, f"-j{jobs}", "--output-on-failure",
         "--output-junit", report])
    counts.add_junit(report, label)


def check_format(counts):
    """One test: every tracked C and C++ source is as clang-format leaves it."""
    name = "clang-format"
    if not shutil.which("clang-format-22"):
        counts.skipped.append((name, "needs clang-format-22"))
        return
    sources = subprocess.run(
        ["git", "ls-files", "*.cpp", "*.h", "*.c", ":!third_party"], cwd=ROOT,
        capture_output=True, text=True).stdout.split()
    if not sources:
        counts.skipped.append((name, "needs git and a checkout"))
        return
    result = subprocess.run(
        ["clang-format-22", "--dry-run", "-Werror"] + sources, cwd=ROOT,
        capture_output=True, text=True)
    if result.returncode == 0:
        counts.passed += 1
        return
    places = [line for line in result.stderr.splitlines() if "error:" in line]
    counts.failed.append((name, "\n".join(places[:20]) +
                          "\n`make format` mends it"))


def remove(path):
    if os.path.exists(path):
        os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    parser.add_argument("builds", nargs="+", metavar="BUILD-FOLDER")
    args = parser.parse_args()

    begin = time.monotonic()
    counts = Counts()
    check_format(counts)
    for build in args.builds:
        label = os.path.basename(os.path.abspath(build))
        run_lit(build, counts, args.jobs)
        run_ctest(build, counts, args.jobs,
                  "ctest" if label == "build" else label)

    counts.slow.sort(reverse=True)
    print(f"\n{time.monotonic() - begin:.0f} s; the slowest tests:")
    for seconds, name in counts.slow[:5]:
        print(f"  {seconds:6.1f} s  {name}")
    if counts.skipped:
        print("\nskipped:")
    for name, reason in counts.skipped:
        print(f"  {name}: {reason}")
    if counts.failed:
        print("\nfailed:")
    for name, _ in counts.failed:
        print(f"  {name}")
    # The runners showed what their tests printed; these have no runner.
    for name, output in counts.failed:
        if ": " not in name or output.startswith("no report"):
            print(f"\n{name}:\n{output}")
    print(f"\n{counts.passed} passed, {len(counts.failed)} failed, "
          f"{len(counts.skipped)} skipped", flush=True)
    return 0 if counts.passed and not counts.failed else 1


if __name__ == "__main__":
    sys.exit(main())
