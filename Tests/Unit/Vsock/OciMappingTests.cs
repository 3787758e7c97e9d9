using System.Text.Json;
using FluentAssertions;
using Google.Protobuf;
using Kata.Adapters.Vsock.Agent;
using Kata.Core.Domain.Oci;
using Xunit;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Vsock;

public class OciMappingTests
{
    [Fact]
    public void Map_when_specification_is_full_carries_each_field()
    {
        var spec = new OciSpec
        {
            OciVersion = "1.1.0",
            Hostname = "h",
            Root = new OciRoot { Path = "/r", Readonly = true },
            Process = new OciProcess
            {
                Terminal = true,
                ConsoleSize = new OciBox { Height = 20, Width = 40 },
                User = new OciUser { Uid = 1, Gid = 2, Umask = 0, AdditionalGids = [3], Username = "u" },
                Args = ["a", "b"],
                Env = ["X=1"],
                Cwd = "/w",
                NoNewPrivileges = true,
                ApparmorProfile = "p",
                OomScoreAdj = -5,
                SelinuxLabel = "l",
                Capabilities = new OciCapabilities
                {
                    Bounding = ["CAP_A"],
                    Effective = ["CAP_B"],
                    Inheritable = ["CAP_C"],
                    Permitted = ["CAP_D"],
                    Ambient = ["CAP_E"]
                },
                Rlimits = [new OciRlimit { Type = "RLIMIT_NOFILE", Hard = 9, Soft = 8 }],
            },
            Mounts = [new OciMount { Destination = "/d", Source = "/s", Type = "bind", Options = ["rbind"] }],
            Hooks = new OciHooks { Prestart = [new OciHook { Path = "/h", Args = ["h"], Env = ["E=1"], Timeout = 4 }] },
            Annotations = new Dictionary<string, string> { ["k"] = "v" },
            Linux = new OciLinux
            {
                UidMappings = [new OciIdMapping { ContainerId = 0, HostId = 1000, Size = 5 }],
                Sysctl = new Dictionary<string, string> { ["s"] = "1" },
                CgroupsPath = "/c",
                Namespaces = [new OciNamespace { Type = "pid" }, new OciNamespace { Type = "network", Path = "/n" }],
                Devices = [new OciDevice
                {
                    Path = "/dev/x",
                    Type = "c",
                    Major = 1,
                    Minor = 2,
                    FileMode = 438,
                    Uid = 7,
                    Gid = 8
                }],
                MaskedPaths = ["/m"],
                ReadonlyPaths = ["/ro"],
                RootfsPropagation = "private",
                Seccomp = new OciSeccomp
                {
                    DefaultAction = "SCMP_ACT_ERRNO",
                    Architectures = ["SCMP_ARCH_X86_64"],
                    Syscalls = [new OciSyscall
                    {
                        Names = ["read"],
                        Action = "SCMP_ACT_ALLOW",
                        ErrnoRet = 0,
                        Args = [new OciSyscallArg { Index = 1, Value = 2, ValueTwo = 3, Op = "SCMP_CMP_EQ" }]
                    }],
                },
            },
        };

        var mapped = OciMapping.ToProto(spec);

        var expected = JsonParser.Default.Parse<Proto.Spec>(
            """
            {
              "Version": "1.1.0", "Hostname": "h", "Root": { "Path": "/r", "Readonly": true },
              "Process": {
                "Terminal": true, "ConsoleSize": { "Height": 20, "Width": 40 },
                "User": { "UID": 1, "GID": 2, "AdditionalGids": [3], "Username": "u", "Umask": 0 },
                "Args": ["a", "b"], "Env": ["X=1"], "Cwd": "/w", "NoNewPrivileges": true, "ApparmorProfile": "p", "OOMScoreAdj": "-5", "SelinuxLabel": "l",
                "Capabilities": { "Bounding": ["CAP_A"], "Effective": ["CAP_B"], "Inheritable": ["CAP_C"], "Permitted": ["CAP_D"], "Ambient": ["CAP_E"] },
                "Rlimits": [{ "Type": "RLIMIT_NOFILE", "Hard": "9", "Soft": "8" }]
              },
              "Mounts": [{ "destination": "/d", "source": "/s", "type": "bind", "options": ["rbind"] }],
              "Hooks": { "Prestart": [{ "Path": "/h", "Args": ["h"], "Env": ["E=1"], "Timeout": "4" }] },
              "Annotations": { "k": "v" },
              "Linux": {
                "UIDMappings": [{ "HostID": 1000, "Size": 5 }], "Sysctl": { "s": "1" }, "CgroupsPath": "/c",
                "Namespaces": [{ "Type": "pid" }, { "Type": "network", "Path": "/n" }],
                "Devices": [{ "Path": "/dev/x", "Type": "c", "Major": "1", "Minor": "2", "FileMode": 438, "UID": 7, "GID": 8 }],
                "MaskedPaths": ["/m"], "ReadonlyPaths": ["/ro"], "RootfsPropagation": "private",
                "Seccomp": {
                  "DefaultAction": "SCMP_ACT_ERRNO", "Architectures": ["SCMP_ARCH_X86_64"],
                  "Syscalls": [{ "Names": ["read"], "Action": "SCMP_ACT_ALLOW", "errnoret": 0, "Args": [{ "Index": "1", "Value": "2", "ValueTwo": "3", "Op": "SCMP_CMP_EQ" }] }]
                }
              }
            }
            """);
        mapped.Should().Be(expected);
    }

    [Fact]
    public void Map_when_resources_are_full_carries_each_limit()
    {
        var resources = new OciResources
        {
            Devices = [new OciDeviceRule { Access = "rwm" },
                new OciDeviceRule { Allow = true, Type = "c", Major = 1, Minor = 3, Access = "r" }],
            Memory = new OciMemory
            {
                Limit = -1,
                Reservation = 2,
                Swap = 3,
                Kernel = 4,
                KernelTcp = 5,
                Swappiness = 6,
                DisableOomKiller = true
            },
            Cpu = new OciCpu
            {
                Shares = 1,
                Quota = 2,
                Period = 3,
                RealtimeRuntime = 4,
                RealtimePeriod = 5,
                Cpus = "0-1",
                Mems = "0"
            },
            Pids = new OciPids { Limit = 7 },
            HugepageLimits = [new OciHugepageLimit { PageSize = "2MB", Limit = 8 }],
            Other = new Dictionary<string, JsonElement>
            {
                ["blockIO"] = JsonDocument.Parse(
                    """{ "weight": 10, "throttleReadBpsDevice": [{ "major": 8, "minor": 1, "rate": 100 }], "weightDevice": "odd" }""").RootElement,
                ["network"] = JsonDocument.Parse(
                    """{ "classID": 3, "priorities": [{ "name": "eth0", "priority": 2 }] }""").RootElement,
                ["rdma"] = JsonDocument.Parse("{}").RootElement,
            },
        };

        var mapped = OciMapping.ToProto(resources);

        mapped.Should().Be(JsonParser.Default.Parse<Proto.LinuxResources>(
            """
            {
              "Devices": [{ "Access": "rwm" }, { "Allow": true, "Type": "c", "Major": "1", "Minor": "3", "Access": "r" }],
              "Memory": { "Limit": "-1", "Reservation": "2", "Swap": "3", "Kernel": "4", "KernelTCP": "5", "Swappiness": "6", "DisableOOMKiller": true },
              "CPU": { "Shares": "1", "Quota": "2", "Period": "3", "RealtimeRuntime": "4", "RealtimePeriod": "5", "Cpus": "0-1", "Mems": "0" },
              "Pids": { "Limit": "7" }, "HugepageLimits": [{ "Pagesize": "2MB", "Limit": "8" }],
              "BlockIO": { "Weight": 10, "ThrottleReadBpsDevice": [{ "Major": "8", "Minor": "1", "Rate": "100" }] },
              "Network": { "ClassID": 3, "Priorities": [{ "Name": "eth0", "Priority": 2 }] }
            }
            """));
    }

    [Fact]
    public void Map_when_specification_is_empty_leaves_messages_absent()
    {
        var mapped = OciMapping.ToProto(new OciSpec());

        mapped.Process.Should().BeNull();
        mapped.Linux.Should().BeNull();
        mapped.Root.Should().BeNull();
    }
}
