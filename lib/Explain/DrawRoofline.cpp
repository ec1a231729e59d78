//===- DrawRoofline.cpp - Forms under the roofs of a machine --------------===//
//
// Williams, Waterman and Patterson's plot (CACM 52(4), 2009): FLOPs a second
// over FLOPs a byte, both logarithmic. A form can reach the lowest roof above
// it; no form lies right of what the fewest bytes allow.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/Html.h"
#include "lib/Explain/Wording.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

using namespace attn::explain;

namespace {

/// Logarithms to the base 10 of the ends of an axis.
struct Range {
  double low = 1e300, high = -1e300;

  void include(double value) {
    low = std::min(low, std::log10(value));
    high = std::max(high, std::log10(value));
  }
  void round() {
    low = std::floor(low - 0.3);
    high = std::ceil(high + 0.3);
  }
};

class RooflineDrawer {
public:
  RooflineDrawer(const Roofline &roofline, llvm::StringRef id,
                 llvm::raw_ostream &os)
      : roofline(roofline), id(id), os(os) {}
  void draw();

private:
  static constexpr double width = 760, height = 440;
  static constexpr double left = 84, right = 24, top = 20, bottom = 56;

  void findRanges();
  double getX(double flopsPerByte) const {
    return left + (std::log10(flopsPerByte) - across.low) /
                      (across.high - across.low) * (width - left - right);
  }
  double getY(double flopsPerSecond) const {
    return height - bottom -
           (std::log10(flopsPerSecond) - up.low) / (up.high - up.low) *
               (height - top - bottom);
  }
  void drawAxes();
  void drawRoof(const RooflineRoof &roof, double lowestSlope, double &labelled);
  void drawPoint(const RooflinePoint &point, unsigned number);
  void drawLine(llvm::StringRef kind, double x1, double y1, double x2,
                double y2);
  void drawText(llvm::StringRef kind, double x, double y, llvm::StringRef text,
                llvm::StringRef anchor = "start");

  const Roofline &roofline;
  llvm::StringRef id;
  llvm::raw_ostream &os;
  Range across, up;
};

} // namespace

void RooflineDrawer::findRanges() {
  double highest = 0;
  for (const RooflineRoof &roof : roofline.roofs)
    if (!roof.isSlope)
      highest = std::max(highest, roof.perSecond);
  for (const RooflinePoint &point : roofline.points) {
    across.include(point.flopsPerByte);
    up.include(point.flopsPerSecond);
  }
  for (const RooflineRoof &roof : roofline.roofs) {
    if (!roof.isSlope)
      up.include(roof.perSecond);
    else if (highest > 0) // where the roofs meet
      across.include(highest / roof.perSecond);
  }
  if (roofline.mostFlopsPerByte)
    across.include(*roofline.mostFlopsPerByte);
  across.round();
  up.round();
}

void RooflineDrawer::drawLine(llvm::StringRef kind, double x1, double y1,
                              double x2, double y2) {
  os << llvm::formatv("<line class=\"{0}\" x1=\"{1:f1}\" y1=\"{2:f1}\" "
                      "x2=\"{3:f1}\" y2=\"{4:f1}\"/>\n",
                      kind, x1, y1, x2, y2);
}

void RooflineDrawer::drawText(llvm::StringRef kind, double x, double y,
                              llvm::StringRef text, llvm::StringRef anchor) {
  os << llvm::formatv("<text class=\"{0}\" x=\"{1:f1}\" y=\"{2:f1}\" "
                      "text-anchor=\"{3}\">{4}</text>\n",
                      kind, x, y, anchor, escape(text));
}

/// A power of ten: `0.01`, `100 G`.
static std::string getTick(int power) {
  if (power < 0)
    return "0." + std::string(-power - 1, '0') + "1";
  static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
  int unit = std::min(power / 3, 6);
  return "1" + std::string(power - 3 * unit, '0') + units[unit];
}

void RooflineDrawer::drawAxes() {
  for (int power = int(across.low); power <= int(across.high); ++power) {
    double x = getX(std::pow(10.0, power));
    drawLine("grid", x, top, x, height - bottom);
    drawText("tick", x, height - bottom + 18, getTick(power), "middle");
  }
  for (int power = int(up.low); power <= int(up.high); ++power) {
    double y = getY(std::pow(10.0, power));
    drawLine("grid", left, y, width - right, y);
    drawText("tick", left - 8, y + 4, getTick(power), "end");
  }
  drawText("axis", (left + width - right) / 2, height - 10,
           "FLOPs a byte of " + roofline.memory, "middle");
  os << "<text class=\"axis\" transform=\"translate(16 "
     << (top + height - bottom) / 2
     << ") rotate(-90)\" text-anchor=\"middle\">FLOPs a second</text>\n";
}

/// Flat roofs begin where the bytes give so many FLOPs.
void RooflineDrawer::drawRoof(const RooflineRoof &roof, double lowestSlope,
                              double &labelled) {
  double right = width - RooflineDrawer::right;
  if (roof.isSlope) {
    double begin = std::pow(10, across.low), end = std::pow(10, across.high);
    begin = std::max(begin, std::pow(10, up.low) / roof.perSecond);
    end = std::min(end, std::pow(10, up.high) / roof.perSecond);
    drawLine("roof", getX(begin), getY(begin * roof.perSecond), getX(end),
             getY(end * roof.perSecond));
    // Nothing else lies left of it.
    double middle = std::sqrt(begin * end);
    drawText("roof", getX(middle) - 10, getY(middle * roof.perSecond) - 4,
             roof.name + ", " + inThousands(roof.perSecond, "B/s"), "end");
    return;
  }
  double begin =
      lowestSlope > 0 ? roof.perSecond / lowestSlope : std::pow(10, across.low);
  double x = std::clamp(getX(begin), left, right), y = getY(roof.perSecond);
  drawLine("roof", x, y, right, y);
  // Labels of near roofs stand one below the other.
  double place = y - 5;
  if (std::abs(place - labelled) < 15)
    place = labelled + 15;
  labelled = place;
  drawText("roof", right - 4, place,
           roof.name + ", " + inThousands(roof.perSecond, "FLOP/s"), "end");
}

void RooflineDrawer::drawPoint(const RooflinePoint &point, unsigned number) {
  double x = getX(point.flopsPerByte), y = getY(point.flopsPerSecond);
  os << llvm::formatv(
      "<circle class=\"point{0}\" cx=\"{1:f1}\" cy=\"{2:f1}\" r=\"6\">"
      "<title>{3}: {4} FLOPs a byte, {5}</title></circle>\n",
      number == 0 ? " chosen" : "", x, y, escape(point.name),
      inThousands(point.flopsPerByte),
      inThousands(point.flopsPerSecond, "FLOP/s"));
  bool isRight = x > width * 0.6;
  drawText("point", isRight ? x - 11 : x + 11, y + 18, point.name,
           isRight ? "end" : "start");
}

void RooflineDrawer::draw() {
  findRanges();
  os << llvm::formatv(
      "<svg class=\"roofline\" role=\"img\" aria-labelledby=\"{0}-title\" "
      "viewBox=\"0 0 {1} {2}\" width=\"{1}\" height=\"{2}\">\n"
      "<title id=\"{0}-title\">Roofline plot; the tables on this page have its "
      "numbers</title>\n",
      id, width, height);
  drawAxes();
  double slope = 0;
  for (const RooflineRoof &roof : roofline.roofs)
    if (roof.isSlope)
      slope = std::max(slope, roof.perSecond);
  std::vector<RooflineRoof> roofs = roofline.roofs;
  llvm::sort(roofs, [](const RooflineRoof &a, const RooflineRoof &b) {
    return std::tie(b.perSecond, a.name) < std::tie(a.perSecond, b.name);
  });
  double labelled = -100;
  for (const RooflineRoof &roof : roofs)
    drawRoof(roof, slope, labelled);
  if (roofline.mostFlopsPerByte) {
    double x = getX(*roofline.mostFlopsPerByte);
    drawLine("limit", x, top, x, height - bottom);
    drawText("limit", x - 6, height - bottom - 10, "fewest bytes", "end");
  }
  for (auto [number, point] : llvm::enumerate(roofline.points))
    drawPoint(point, number);
  os << "</svg>\n";
}

void attn::explain::drawRoofline(const Roofline &roofline, llvm::StringRef id,
                                 llvm::raw_ostream &os) {
  RooflineDrawer(roofline, id, os).draw();
}
