//===- Html.h - The parts of the page that are drawn ----------------------===//

#ifndef LIB_EXPLAIN_HTML_H
#define LIB_EXPLAIN_HTML_H

#include "lib/Explain/Report.h"
#include "llvm/Support/raw_ostream.h"

namespace attn::explain {

/// Text as HTML and XML have it: `&lt;`.
std::string escape(llvm::StringRef text);

/// Draws the cascade: Einsums in layers, the phases of a rank as bands. `id`
/// is that of its title on the page.
void drawGraph(const Graph &graph, llvm::StringRef id, llvm::raw_ostream &os);

/// Draws forms under the roofs of a machine.
void drawRoofline(const Roofline &roofline, llvm::StringRef id,
                  llvm::raw_ostream &os);

} // namespace attn::explain

#endif // LIB_EXPLAIN_HTML_H
