#include "telemetry/resource_usage.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::telemetry {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = 1 << 20;

class ResourceTest : public ::testing::Test {
 protected:
  ResourceTest() {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ResourceTest() override { fs::remove_all(root_); }

  void write(const std::string& path, std::string_view text) const {
    const fs::path file = root_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  ResourceReader reader() const { return ResourceReader(root_); }

  const fs::path root_ =
      fs::path(::testing::TempDir()) /
      (std::string("resource_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ResourceTest, AnEmptyRootIsNoError) {
  EXPECT_EQ(reader().process().cpu_seconds, 0);
  EXPECT_EQ(reader().open_fds(), 0u);
  EXPECT_EQ(reader().max_fds(), 0u);
  EXPECT_EQ(reader().cpu_quota_cores(), std::nullopt);
  EXPECT_EQ(reader().available_cores(), 1);
  EXPECT_EQ(reader().memory_limit_bytes(), std::nullopt);
  EXPECT_EQ(reader().memory_usage_bytes(), 0u);
}

TEST_F(ResourceTest, ProcessFiguresSurviveAnOddProgramName) {
  write("proc/self/stat",
        "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 7 0 1000 104857600 512 "
        "18446744073709551615 1 1\n");
  write("proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
  const ProcessUsage usage = reader().process();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(usage.cpu_seconds, 400 / ticks);
  EXPECT_DOUBLE_EQ(usage.start_time_seconds, 1'700'000'000 + 1000 / ticks);
  EXPECT_EQ(usage.threads, 7u);
  EXPECT_EQ(usage.virtual_bytes, 104'857'600u);
  EXPECT_EQ(usage.resident_bytes, 512u * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST_F(ResourceTest, FilesAreCountedAndLimited) {
  write("proc/self/fd/0", "");
  write("proc/self/fd/1", "");
  write("proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units\n"
        "Max processes             unlimited            unlimited            processes\n"
        "Max open files            1024                 1048576              files\n");
  EXPECT_EQ(reader().open_fds(), 2u);
  EXPECT_EQ(reader().max_fds(), 1024u);
}

TEST_F(ResourceTest, TheSmallestLimitUpTheTreeOfV2Applies) {
  write("proc/self/cgroup", "0::/pod/container\n");
  write("sys/fs/cgroup/pod/container/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/pod/container/memory.max", "max\n");
  write("sys/fs/cgroup/pod/container/memory.current", "52428800\n");
  write("sys/fs/cgroup/pod/container/memory.stat", "anon 1\ninactive_file 10485760\n");
  write("sys/fs/cgroup/pod/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/pod/memory.max", "134217728\n");
  EXPECT_EQ(reader().cpu_quota_cores(), 1.5);
  EXPECT_EQ(reader().memory_limit_bytes(), 128 * kMiB);
  EXPECT_EQ(reader().memory_usage_bytes(), 40 * kMiB);
}

TEST_F(ResourceTest, AContainerThatSeesItsHostsPathFindsItsGroupAtTheMount) {
  write("proc/self/cgroup", "0::/../../kubepods/pod1\n");
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(reader().cpu_quota_cores(), 2);
}

TEST_F(ResourceTest, V1IsReadToo) {
  write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n");
  write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "50000\n");
  write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "67108864\n");
  write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "33554432\n");
  write("sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 1048576\n");
  EXPECT_EQ(reader().cpu_quota_cores(), 0.5);
  EXPECT_EQ(reader().memory_limit_bytes(), 64 * kMiB);
  EXPECT_EQ(reader().memory_usage_bytes(), 31 * kMiB);
}

TEST_F(ResourceTest, NoLimitOfV1IsTheMachinesMemory) {
  write("proc/self/cgroup", "4:memory:/\n2:cpu:/\n");
  write("proc/meminfo", "MemTotal:        1024 kB\nMemFree: 5 kB\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(reader().memory_limit_bytes(), kMiB);
  EXPECT_EQ(reader().cpu_quota_cores(), std::nullopt);
}

TEST_F(ResourceTest, AvailableCoresAreAffinityWithinTheQuotaRoundedUp) {
  write("proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8,10-11\n");
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(reader().available_cores(), 7);
  write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(reader().available_cores(), 3);
  write("sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(reader().available_cores(), 1);
  write("sys/fs/cgroup/cpu.max", "6400000 100000\n");
  EXPECT_EQ(reader().available_cores(), 7);
}

TEST_F(ResourceTest, NonsenseInTheFilesIsNoError) {
  write("proc/self/cgroup", "\n:\n::\nnonsense\n0::\n7:cpu\n");
  write("proc/self/stat", "1 (x) S 1");
  write("proc/self/status", "Cpus_allowed_list:\n");
  write("sys/fs/cgroup/cpu.max", "100000 0\n");
  write("sys/fs/cgroup/memory.max", "lots\n");
  EXPECT_EQ(reader().cpu_quota_cores(), std::nullopt);
  EXPECT_EQ(reader().memory_limit_bytes(), std::nullopt);
  EXPECT_EQ(reader().available_cores(), 1);
  EXPECT_EQ(reader().process().threads, 0u);
}

TEST(Resource, TheRealProcessHasPlausibleFigures) {
  const ResourceReader reader;
  const ProcessUsage usage = reader.process();
  EXPECT_GE(usage.threads, 1u);
  EXPECT_GT(usage.resident_bytes, kMiB);
  EXPECT_GT(usage.start_time_seconds, 1.6e9);
  EXPECT_GE(reader.open_fds(), 3u);
  EXPECT_GE(reader.max_fds(), reader.open_fds());
  EXPECT_GE(reader.available_cores(), 1);
  EXPECT_GT(reader.memory_limit_bytes().value_or(0), 16 * kMiB);
}

TEST(Resource, MetricsCarryTheStandardNames) {
  MetricRegistry metrics;
  const auto registrations = register_resource_metrics(metrics, ResourceReader());
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE process_resident_memory_bytes gauge\n"));
  EXPECT_THAT(text, HasSubstr("\nraglan_cpu_available_cores "));
}

} // namespace
} // namespace raglan::telemetry
