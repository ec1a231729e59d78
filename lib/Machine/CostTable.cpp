//===- CostTable.cpp - Costs beside figures that are known ----------------===//

#include "lib/Machine/CostTable.h"
#include "lib/Machine/JsonFile.h"

using namespace attn;
using namespace attn::cost;
using llvm::StringRef;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace attn::cost {

static bool fromJSON(const json::Value &value, TableForm &form,
                     json::Path path) {
  Members members(value, path);
  members.read("name", form.name);
  members.read("spec", form.spec);
  members.read("machine", form.machine);
  members.readIf("stage", form.stage);
  members.readIf("options", form.options);
  members.readIf("within", form.within);
  return members.finish();
}

static bool fromJSON(const json::Value &value, TableCall &call,
                     json::Path path) {
  Members members(value, path);
  members.read("name", call.name);
  members.read("extents", call.extents);
  members.readIf("stated", call.stated);
  if (!members.finish())
    return false;
  // The bounds are the parser's.
  for (auto &[rank, extent] : call.extents)
    if (extent < 1 || extent > (int64_t(1) << 40)) {
      path.field("extents").field(rank).report("expected 1 to 2^40");
      return false;
    }
  return true;
}

static bool fromJSON(const json::Value &value, TableAverage &average,
                     json::Path path) {
  Members members(value, path);
  members.read("name", average.name);
  members.read("figure", average.figure);
  members.read("of", average.of);
  members.readIf("over", average.over);
  members.readIf("stated", average.stated);
  members.readIf("within", average.within);
  return members.finish();
}

static bool hasForm(const CostTable &table, StringRef name) {
  return llvm::any_of(table.forms,
                      [&](const TableForm &form) { return form.name == name; });
}

static bool fromJSON(const json::Value &value, CostTable &table,
                     json::Path path) {
  Members members(value, path);
  members.readIf("description", table.description);
  members.readIf("sources", table.sources);
  members.read("forms", table.forms);
  members.checkPositive("forms", table.forms.size());
  members.read("calls", table.calls);
  members.checkPositive("calls", table.calls.size());
  members.readIf("averages", table.averages);
  if (!members.finish())
    return false;
  for (auto [i, form] : llvm::enumerate(table.forms))
    if (llvm::any_of(
            llvm::ArrayRef(table.forms).take_front(i),
            [&, &name = form.name](auto &f) { return f.name == name; })) {
      path.field("forms").index(i).report(
          "a form of this name is there already");
      return false;
    }
  for (auto [i, call] : llvm::enumerate(table.calls))
    for (auto &[form, figures] : call.stated)
      if (!hasForm(table, form)) {
        path.field("calls").index(i).field("stated").field(form).report(
            "no form has this name");
        return false;
      }
  for (auto [i, average] : llvm::enumerate(table.averages))
    for (const auto *forms : {&average.of, &average.over})
      for (auto [j, form] : llvm::enumerate(*forms))
        if (!hasForm(table, form)) {
          path.field("averages")
              .index(i)
              .field(forms == &average.of ? "of" : "over")
              .index(j)
              .report("no form has this name");
          return false;
        }
  return true;
}

} // namespace attn::cost

llvm::Expected<CostTable> cost::loadTable(StringRef file) {
  llvm::Expected<std::string> text = readFile(file);
  if (!text)
    return text.takeError();
  llvm::Expected<json::Value> value = parseJson(file, *text);
  if (!value)
    return value.takeError();
  CostTable table;
  json::Path::Root root(file);
  if (!fromJSON(*value, table, root))
    return root.getError();
  return table;
}
