"""Checks that the files that the documents name are there.

    links.py ROOT

Links, and paths in backticks that begin in a folder of the repository.
"""
import glob
import os
import re
import sys


def main():
    root, = sys.argv[1:]
    folders = [name for name in os.listdir(root)
               if os.path.isdir(os.path.join(root, name)) and
               not name.startswith((".", "build"))]
    path = re.compile(rf"`((?:{'|'.join(folders)})/[\w./{{}},*-]*)`")
    link = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
    count, missing = 0, []
    for document in [os.path.join(root, "README.md"),
                     *glob.glob(os.path.join(root, "docs", "*.md"))]:
        with open(document) as file:
            text = file.read()
        names = [os.path.join(root, name) for name in path.findall(text)]
        names += [os.path.join(os.path.dirname(document), name)
                  for name in link.findall(text)]
        for name in names:
            # `lib/Pipeline.{h,cpp}` names two.
            braces = re.search(r"\{(.*)\}", name)
            variants = braces.group(1).split(",") if braces else [""]
            for variant in variants:
                full = re.sub(r"\{.*\}", variant, name)
                count += 1
                # A path may leave out its extension.
                if not (glob.glob(full) or glob.glob(full + ".*")):
                    missing.append(f"{os.path.relpath(document, root)} names "
                                   f"{os.path.relpath(full, root)}")
    if missing:
        sys.exit("\n".join(missing))
    print(f"{count} files are there")


if __name__ == "__main__":
    main()
