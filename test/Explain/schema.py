"""Checks that a report has the fields that docs/explain.md lists, and no others.

    schema.py DOCUMENT REPORT...
"""
import json
import re
import sys

PLAIN = {"string": str, "number": (int, float), "boolean": bool}


def read_schema(path):
    """The types of the document: {"Live": {"bytes": ("number", optional)}}."""
    with open(path) as file:
        block = re.search(r"^```text\n(Report:.*?)^```$", file.read(),
                          re.M | re.S).group(1)
    schema = {}
    for line in re.sub(r"\n +", " ", block).strip().splitlines():
        name, fields = line.split(": ")
        schema[name] = {}
        for field in fields.split(", "):
            key, kind = field.split(" ")
            schema[name][key.rstrip("?")] = (kind, key.endswith("?"))
    return schema


def check(schema, kind, value, place, seen):
    if kind.startswith("["):
        assert isinstance(value, list), f"{place} is no list"
        for i, item in enumerate(value):
            check(schema, kind[1:-1], item, f"{place}[{i}]", seen)
    elif kind in PLAIN:
        assert isinstance(value, PLAIN[kind]), f"{place} is {value!r}"
        assert kind == "boolean" or not isinstance(value, bool), place
    else:
        assert isinstance(value, dict), f"{place} is no object"
        seen.add(kind)
        for key, (field, optional) in schema[kind].items():
            assert key in value or optional, f"{place} has no {key}"
            if key in value:
                seen.add((kind, key))
                check(schema, field, value[key], f"{place}.{key}", seen)
        unknown = set(value) - set(schema[kind])
        assert not unknown, f"{place} has {unknown}"


schema, seen = read_schema(sys.argv[1]), set()
for report in sys.argv[2:]:
    with open(report) as file:
        check(schema, "Report", json.load(file), "report", seen)
missing = [f"{kind}.{key}" for kind in schema for key in schema[kind]
           if (kind, key) not in seen]
assert not missing, f"no report has {missing}"
