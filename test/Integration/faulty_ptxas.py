#!/usr/bin/env python3
"""ptxas for PTX with a fault in it, to see that a sanitizer reports it.

  FAULT=barrier|tail|unwritten|divergent|delay|early|hasty faulty_ptxas.py ARGUMENT...   (as --ptxas of attnc)

delay is no fault: roles that wait for each other must compute the same, and so
must a kernel that waits for the one before it. early: with such delays, the last
tile that a task multiplies is not waited for; hasty: nor is the kernel before.
barrier: no thread waits for the copies of the others. tail: copies go on past
the end of a tensor. unwritten: the first kernel stores nothing. divergent: half
of each warp waits where all should.

Of a program's kernels, each of which comes alone, some may have no place for
the fault. SEEDED=FILE gets the names of those that have it.
"""
import os
import re
import shutil
import subprocess
import sys


def get_name(text):
    return re.search(r"^\.visible \.entry (\w+)", text, flags=re.M)[1]


def drop_barriers(text):
    return re.subn(r"(cp\.async\.wait_group\s+0;\s*)bar\.sync\s+0;", r"\1", text)


def copy_past_the_end(text):
    lines, count = text.splitlines(), 0
    for i, line in enumerate(lines):
        copy = re.search(r"cp\.async\.cg\.shared\.global \[.*\], "
                         r"\[(%rd\d+)[^\]]*\], 16, (%r\d+);", line)
        for register in copy.groups() if copy else []:
            for j in range(i - 1, -1, -1):
                chosen = re.search(r"selp\.(b\d+)\s+" + register +
                                   r", (\S+), \S+, %p\d+;", lines[j])
                if chosen:
                    lines[j] = f"\tmov.{chosen[1]} \t{register}, {chosen[2]};"
                    count += 1
                    break
    return "\n".join(lines) + "\n", count


def leave_unwritten(text):
    if not get_name(text).endswith("_0"):
        return text, 0
    return re.subn(r"^.*\bst\.global\..*;$", "", text, flags=re.M)


def diverge(text):
    half = ("{ .reg .pred %half; .reg .b32 %lane; mov.u32 %lane, %laneid; "
            "setp.lt.u32 %half, %lane, 16; @%half bar.sync 0; }")
    return re.subn(r"\bbar\.sync\s+0;", half, text)


def delay(text):
    """Up to a microsecond, by the clock, before whatever roles tell each
    other, and before a kernel stores what the next one reads."""
    wait = ("{ .reg .b32 %delay; mov.u32 %delay, %clock; "
            "and.b32 %delay, %delay, 1023; nanosleep.u32 %delay; }")
    text, stores = re.subn(r"(?<=griddepcontrol\.launch_dependents;)",
                           "\n\t" + wait, text)
    text, others = re.subn(
        r"^(?=\s+(?:mbarrier\.(?:try|arrive)|bar\.arrive|"
        r"cp\.async\.bulk\.tensor))", "\t" + wait + "\n", text, flags=re.M)
    return text, stores + others


def multiply_early(text):
    lines = text.splitlines()
    products = [i for i, line in enumerate(lines) if "wgmma.fence" in line]
    if not products:
        return text, 0
    wait = max(i for i, line in enumerate(lines[:products[-1]])
               if "mbarrier.try_wait" in line)
    again = next(i for i in range(wait, len(lines))
                 if re.match(r"\s+@!?%p\d+ bra", lines[i]))
    del lines[wait:again + 1]
    return delay("\n".join(lines) + "\n")


def begin_hastily(text):
    text, count = re.subn(r"griddepcontrol\.wait;", "", text)
    return delay(text)[0], count


def main(arguments):
    path = next(a for a in arguments if a.endswith(".ptx"))
    with open(path) as file:
        text = file.read()
    seed = {"barrier": drop_barriers, "tail": copy_past_the_end,
            "unwritten": leave_unwritten, "divergent": diverge,
            "delay": delay, "early": multiply_early,
            "hasty": begin_hastily}[os.environ["FAULT"]]
    text, count = seed(text)
    if count and "SEEDED" in os.environ:
        with open(os.environ["SEEDED"], "a") as file:
            file.write(get_name(text) + "\n")
    with open(path, "w") as file:
        file.write(text)
    return subprocess.run([shutil.which("ptxas"), *arguments]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
