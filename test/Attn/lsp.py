"""A session with attn-lsp, as an editor would have it: opens a spec, hovers,
asks for definitions, references and symbols, and breaks the spec to see the
diagnostics."""
import json
import os
import subprocess
import sys
import threading


class Server:
    def __init__(self):
        self.process = subprocess.Popen(["attn-lsp"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.next = 0
        self.diagnostics = None
        # A server that says nothing more must not hang the test.
        self.watchdog = threading.Timer(60, self.process.kill)
        self.watchdog.start()

    def send(self, method, params, identifier=None):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if identifier is not None:
            message["id"] = identifier
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body))
        self.process.stdin.write(body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while True:
            line = self.process.stdout.readline()
            if not line:
                sys.exit("attn-lsp closed the connection")
            if not line.strip():
                break
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message = json.loads(self.process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics = message["params"]["diagnostics"]
        return message

    def request(self, method, params):
        self.next += 1
        self.send(method, params, self.next)
        while True:
            message = self.receive()
            if message.get("id") == self.next:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]

    def show(self, notification, params):
        """Opens or changes a document; returns its diagnostics."""
        self.diagnostics = None
        self.send(notification, params)
        while self.diagnostics is None:
            self.receive()
        return self.diagnostics

    def close(self):
        self.request("shutdown", None)
        self.send("exit", None)
        self.watchdog.cancel()
        return self.process.wait(10)


class Document:
    def __init__(self, path):
        with open(path) as source:
            self.text = source.read()
        self.uri = "file://" + os.path.abspath(path)

    def position(self, line, word):
        """Of `word` in the first line that starts with `line`."""
        for number, text in enumerate(self.text.splitlines()):
            if text.strip().startswith(line) and word in text:
                return {"line": number, "character": text.index(word) + 1}
        sys.exit(f"the spec has no {word} in {line}")

    def at(self, line, word):
        return {"textDocument": {"uri": self.uri},
                "position": self.position(line, word)}


failures = 0


def expect(what, condition, actual):
    global failures
    print(("ok   " if condition else "FAIL ") + what)
    if not condition:
        failures += 1
        print(f"     got {json.dumps(actual)[:600]}")


def main():
    spec = Document(sys.argv[1])
    server = Server()
    capabilities = server.request("initialize", {
        "processId": None, "rootUri": None, "capabilities": {
            "textDocument": {"documentSymbol": {
                "hierarchicalDocumentSymbolSupport": True}}}})["capabilities"]
    expect("the server hovers and finds definitions",
           capabilities.get("hoverProvider") and
           capabilities.get("definitionProvider"), capabilities)
    server.send("initialized", {})
    found = server.show("textDocument/didOpen", {"textDocument": {
        "uri": spec.uri, "languageId": "mlir", "version": 1,
        "text": spec.text}})
    expect("a variant has no diagnostics", found == [], found)

    def hover(line, word):
        result = server.request("textDocument/hover", spec.at(line, word))
        return result["contents"]["value"] if result else ""

    text = hover("%SN", "%SN")
    expect("hover of a definition shows its op and type",
           "attn.einsum" in text and "!attn.tensor<[b, k, g, p, m], f32>" in text,
           text)
    text = hover("%SN", "attn.einsum")
    expect("hover of an op shows its generic form", '= "attn.einsum"(' in text,
           text)
    text = hover("%AV", "%V")
    expect("hover of an argument's use shows its type",
           "!attn.tensor<[b, k, m, f], f32>" in text, text)

    def definitions(line, word):
        return [place["range"]["start"]["line"] for place in server.request(
            "textDocument/definition", spec.at(line, word))]

    for line, word, origin in [("%SN", "%GM", "%GM"), ("%AV", "%A[", "%A "),
                               ("attn.yield", "%AV", "%AV"),
                               ("%QK", "%Q[", "attn.cascade")]:
        place = spec.position(origin, "%" if origin[0] == "%" else "@")["line"]
        actual = definitions(line, word)
        expect(f"definition of {word.strip('[')} in {line}", actual == [place],
               [actual, place])

    uses = server.request("textDocument/references",
                          {**spec.at("%QK", "%QK"),
                           "context": {"includeDeclaration": True}})
    expect("QK is defined once and read twice", len(uses) == 3, uses)

    symbols = server.request("textDocument/documentSymbol",
                             {"textDocument": {"uri": spec.uri}})
    expect("the outline has the cascade", "causal_gqa" in json.dumps(symbols),
           symbols)

    # A tensor that does not exist, then a rank, then all is well again.
    version = 1
    for old, new, message in [
            ("%SD[b,k,g,p]", "%SUM[b,k,g,p]",
             "use of undeclared tensor `%SUM`"),
            ("reduce(max m)", "reduce(max n)", "rank `n` is not declared"),
            ("* rsqrt(extent(e))", "* rsqrt(1e-3)",
             "a number with an exponent needs a decimal point"),
            ("", "", None)]:
        version += 1
        found = server.show("textDocument/didChange", {
            "textDocument": {"uri": spec.uri, "version": version},
            "contentChanges": [{"text": spec.text.replace(old, new, 1)
                                if old else spec.text}]})
        if message is None:
            expect("the mended spec has no diagnostics", found == [], found)
            continue
        expect(f"diagnostic: {message}",
               any(message in d["message"] for d in found), found)
        line = next(number for number, text in enumerate(
            spec.text.splitlines()) if old in text)
        expect("  on its line",
               any(d["range"]["start"]["line"] == line for d in found), found)

    # A reducer that the spec defines, and its uses.
    spec = Document(sys.argv[2])
    found = server.show("textDocument/didOpen", {"textDocument": {
        "uri": spec.uri, "languageId": "mlir", "version": 1,
        "text": spec.text}})
    expect("a spec with reducers has no diagnostics", found == [], found)
    place = spec.position("attn.reducer @either", "@either")["line"]
    actual = definitions("%A", "@either")
    expect("definition of @either in %A", actual == [place], [actual, place])
    text = hover("attn.reducer @either", "attn.reducer")
    expect("hover of a reducer shows its generic form",
           '"attn.reducer"()' in text and "identity = " in text, text)

    expect("the server ends well", server.close() == 0, None)
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
