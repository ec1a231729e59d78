"""Prints the blocks of one language in a Markdown file, one after the other."""
import re
import sys

path, language = sys.argv[1:]
with open(path) as source:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", source.read(),
                        re.MULTILINE | re.DOTALL)
if not blocks:
    sys.exit(f"{path} has no {language} block")
print("\n".join(blocks))
