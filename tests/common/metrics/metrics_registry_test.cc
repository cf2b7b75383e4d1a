#include "common/metrics/metrics_registry.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <exception>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(MetricsRegistryTest, TextIsPrometheusFormat) {
  MetricsRegistry registry;
  EXPECT_EQ(registry.Text(), "");
  prometheus::BuildCounter()
      .Name("halfpipe_things_total")
      .Help("Things.")
      .Register(registry.registry())
      .Add({{"kind", "a"}})
      .Increment(3);
  EXPECT_THAT(registry.Text(),
              HasSubstr("# HELP halfpipe_things_total Things.\n"
                        "# TYPE halfpipe_things_total counter\n"
                        "halfpipe_things_total{kind=\"a\"} 3"));
}

TEST(MetricsRegistryTest, ANameWithTwoTypesIsFound) {
  MetricsRegistry registry;
  prometheus::BuildCounter().Name("halfpipe_x").Register(registry.registry());
  EXPECT_THROW(
      prometheus::BuildGauge().Name("halfpipe_x").Register(registry.registry()),
      std::exception);
}

}  // namespace
}  // namespace halfpipe
