// Not read: fake-attnc.sh stands in for the compiler.
