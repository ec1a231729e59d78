//===- evaluate.cpp - Run the reference on arrays -------------------------===//
//
// attn-evaluate MODEL.json FOLDER [--chunk=N] [--tree] [NAME=X.npy |
// NAME=2.5].. writes every output of the cascade to FOLDER/OUTPUT.npy, in f64.
// So a script can compare the reference with what it computes itself.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Reference/Evaluate.h"
#include "dialect/Attn/Reference/Json.h"
#include "dialect/Attn/Reference/Npy.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using namespace attn::reference;

[[noreturn]] static void fail(const std::string &message) {
  std::cerr << "attn-evaluate: " << message << "\n";
  std::exit(1);
}

static Cascade readModel(const std::string &path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::string error;
  std::optional<Cascade> cascade = parseJson(text.str(), error);
  if (!cascade)
    fail(path + ": " + error);
  return *cascade;
}

static NpyArray readArray(const std::string &name, const std::string &path,
                          ElementType type) {
  std::string error;
  std::optional<NpyArray> array = readNpy(path, error);
  if (!array)
    fail(name + ": " + error);
  if (array->type != type)
    fail(name + ": " + path + " has type " + std::string(getName(array->type)) +
         ", expected " + std::string(getName(type)));
  return *array;
}

static void writeOutput(const std::string &folder, const Yield &yield,
                        const Tensor &tensor) {
  std::vector<double> stored;
  std::vector<int64_t> extents;
  for (const Coordinates &set : tensor.box)
    extents.push_back(set.size());
  for (int64_t i = 0; i != getNumPoints(tensor.box); ++i)
    stored.push_back(getStored(tensor, i, ElementType::F64));
  std::string error =
      writeNpy(folder + "/" + yield.name + ".npy",
               makeInput(ElementType::F64, stored.data(), extents));
  if (!error.empty())
    fail(error);
}

int main(int argc, char **argv) {
  if (argc < 3)
    fail("expected a model and a folder");
  Cascade cascade = readModel(argv[1]);
  EvaluateOptions options;
  std::map<std::string, std::string> given;
  for (int i = 3; i != argc; ++i) {
    std::string arg = argv[i];
    size_t equal = arg.find('=');
    std::string value = equal == std::string::npos ? "" : arg.substr(equal + 1);
    if (arg == "--tree")
      options.tree = true;
    else if (arg.rfind("--chunk=", 0) == 0)
      options.chunk = std::atoll(value.c_str());
    else
      given[arg.substr(0, equal)] = value;
  }

  std::vector<NpyArray> arrays;
  std::vector<std::pair<std::string, int64_t>> sizes;
  for (ValueId input : cascade.inputs) {
    const Value &value = cascade.values[input];
    arrays.push_back(readArray(value.name, given[value.name], value.type));
    for (size_t i = 0; i != arrays.back().extents.size(); ++i)
      sizes.push_back(
          {cascade.ranks[value.ranks[i]].name, arrays.back().extents[i]});
  }
  Problem problem{cascade, {}, {}, {}};
  for (const NpyArray &array : arrays)
    problem.inputs.push_back(array.getTensor());
  for (const Scalar &scalar : cascade.scalars)
    problem.scalars.push_back(std::atof(given[scalar.name].c_str()));
  std::string error = bindExtents(cascade, sizes, problem.extents);
  if (!error.empty())
    fail(error);

  std::vector<OutputRequest> requests;
  for (unsigned i = 0; i != cascade.yields.size(); ++i)
    requests.push_back({i, getWholeBox(cascade, problem.extents, i)});
  Evaluation result;
  error = evaluate(problem, requests, options, result);
  if (!error.empty())
    fail(error);
  for (unsigned i = 0; i != cascade.yields.size(); ++i)
    writeOutput(argv[2], cascade.yields[i], result.outputs[i]);
  return 0;
}
