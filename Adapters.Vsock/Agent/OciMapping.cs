using System.Text.Json;
using Google.Protobuf.Collections;
using Kata.Core.Domain.Oci;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// From an OCI specification to the agent's mirror of it. The mirror has no absent numbers, so absent becomes zero,
/// which agents read as "not set"; what the mirror has no field for is left out.
/// </summary>
internal static class OciMapping
{
    public static Proto.Spec ToProto(OciSpec spec)
    {
        var to = new Proto.Spec { Version = spec.OciVersion, Hostname = spec.Hostname ?? "" };
        if (spec.Process is { } process)
            to.Process = ToProto(process);
        if (spec.Root is { } root)
            to.Root = new Proto.Root { Path = root.Path, Readonly = root.Readonly };
        foreach (var mount in spec.Mounts)
            to.Mounts.Add(ToProto(mount));
        if (spec.Hooks is { } hooks)
            to.Hooks = ToProto(hooks);
        AddAll(to.Annotations, spec.Annotations);
        if (spec.Linux is { } linux)
            to.Linux = ToProto(linux);
        return to;
    }

    public static Proto.Process ToProto(OciProcess process)
    {
        var to = new Proto.Process
        {
            Terminal = process.Terminal,
            User = new Proto.User
            {
                UID = process.User.Uid,
                GID = process.User.Gid,
                Username = process.User.Username ?? ""
            },
            Cwd = process.Cwd,
            NoNewPrivileges = process.NoNewPrivileges,
            ApparmorProfile = process.ApparmorProfile ?? "",
            OOMScoreAdj = process.OomScoreAdj ?? 0,
            SelinuxLabel = process.SelinuxLabel ?? "",
        };
        if (process.ConsoleSize is { } size)
            to.ConsoleSize = new Proto.Box { Height = size.Height, Width = size.Width };
        if (process.User.Umask is { } mask)
            to.User.Umask = mask;
        to.User.AdditionalGids.AddRange(process.User.AdditionalGids);
        to.Args.AddRange(process.Args);
        to.Env.AddRange(process.Env);
        if (process.Capabilities is { } from)
        {
            var capabilities = to.Capabilities = new Proto.LinuxCapabilities();
            capabilities.Bounding.AddRange(from.Bounding);
            capabilities.Effective.AddRange(from.Effective);
            capabilities.Inheritable.AddRange(from.Inheritable);
            capabilities.Permitted.AddRange(from.Permitted);
            capabilities.Ambient.AddRange(from.Ambient);
        }

        foreach (var limit in process.Rlimits)
            to.Rlimits.Add(new Proto.POSIXRlimit { Type = limit.Type, Hard = limit.Hard, Soft = limit.Soft });
        return to;
    }

    public static Proto.LinuxResources ToProto(OciResources resources)
    {
        var to = new Proto.LinuxResources();
        foreach (var rule in resources.Devices)
        {
            to.Devices.Add(new Proto.LinuxDeviceCgroup
            {
                Allow = rule.Allow,
                Type = rule.Type ?? "",
                Major = rule.Major ?? 0,
                Minor = rule.Minor ?? 0,
                Access = rule.Access ?? "",
            });
        }

        if (resources.Memory is { } memory)
        {
            to.Memory = new Proto.LinuxMemory
            {
                Limit = memory.Limit ?? 0,
                Reservation = memory.Reservation ?? 0,
                Swap = memory.Swap ?? 0,
                Kernel = memory.Kernel ?? 0,
                KernelTCP = memory.KernelTcp ?? 0,
                Swappiness = memory.Swappiness ?? 0,
                DisableOOMKiller = memory.DisableOomKiller ?? false,
            };
        }

        if (resources.Cpu is { } cpu)
        {
            to.CPU = new Proto.LinuxCPU
            {
                Shares = cpu.Shares ?? 0,
                Quota = cpu.Quota ?? 0,
                Period = cpu.Period ?? 0,
                RealtimeRuntime = cpu.RealtimeRuntime ?? 0,
                RealtimePeriod = cpu.RealtimePeriod ?? 0,
                Cpus = cpu.Cpus ?? "",
                Mems = cpu.Mems ?? "",
            };
        }

        if (resources.Pids is { } pids)
            to.Pids = new Proto.LinuxPids { Limit = pids.Limit };
        foreach (var limit in resources.HugepageLimits)
            to.HugepageLimits.Add(new Proto.LinuxHugepageLimit { Pagesize = limit.PageSize, Limit = limit.Limit });
        if (Find(resources.Other, "blockIO") is { } blockIo)
            to.BlockIO = BlockIo(blockIo);
        if (Find(resources.Other, "network") is { } network)
            to.Network = Network(network);
        return to;
    }

    private static Proto.Mount ToProto(OciMount mount)
    {
        var to = new Proto.Mount
        {
            Destination = mount.Destination,
            Source = mount.Source ?? "",
            Type = mount.Type ?? ""
        };
        to.Options.AddRange(mount.Options);
        return to;
    }

    private static Proto.Hooks ToProto(OciHooks hooks)
    {
        var to = new Proto.Hooks();
        AddAll(to.Prestart, hooks.Prestart);
        AddAll(to.CreateRuntime, hooks.CreateRuntime);
        AddAll(to.CreateContainer, hooks.CreateContainer);
        AddAll(to.StartContainer, hooks.StartContainer);
        AddAll(to.Poststart, hooks.Poststart);
        AddAll(to.Poststop, hooks.Poststop);
        return to;
    }

    private static Proto.Linux ToProto(OciLinux linux)
    {
        var to = new Proto.Linux
        {
            CgroupsPath = linux.CgroupsPath ?? "",
            RootfsPropagation = linux.RootfsPropagation ?? "",
            MountLabel = linux.MountLabel ?? "",
        };
        AddAll(to.UIDMappings, linux.UidMappings);
        AddAll(to.GIDMappings, linux.GidMappings);
        AddAll(to.Sysctl, linux.Sysctl);
        if (linux.Resources is { } resources)
            to.Resources = ToProto(resources);
        foreach (var space in linux.Namespaces)
            to.Namespaces.Add(new Proto.LinuxNamespace { Type = space.Type, Path = space.Path ?? "" });
        foreach (var device in linux.Devices)
        {
            to.Devices.Add(new Proto.LinuxDevice
            {
                Path = device.Path,
                Type = device.Type,
                Major = device.Major,
                Minor = device.Minor,
                FileMode = device.FileMode ?? 0,
                UID = device.Uid ?? 0,
                GID = device.Gid ?? 0,
            });
        }

        if (linux.Seccomp is { } seccomp)
            to.Seccomp = ToProto(seccomp);
        to.MaskedPaths.AddRange(linux.MaskedPaths);
        to.ReadonlyPaths.AddRange(linux.ReadonlyPaths);
        if (Find(linux.Other, "intelRdt") is { } rdt)
            to.IntelRdt = new Proto.LinuxIntelRdt { L3CacheSchema = Text(rdt, "l3CacheSchema") };
        return to;
    }

    private static Proto.LinuxSeccomp ToProto(OciSeccomp seccomp)
    {
        var to = new Proto.LinuxSeccomp { DefaultAction = seccomp.DefaultAction };
        to.Architectures.AddRange(seccomp.Architectures);
        to.Flags.AddRange(seccomp.Flags);
        foreach (var rule in seccomp.Syscalls)
        {
            var call = new Proto.LinuxSyscall { Action = rule.Action };
            call.Names.AddRange(rule.Names);
            if (rule.ErrnoRet is { } errno)
                call.Errnoret = errno;
            foreach (var arg in rule.Args)
                call.Args.Add(
                    new Proto.LinuxSeccompArg
                    {
                        Index = arg.Index,
                        Value = arg.Value,
                        ValueTwo = arg.ValueTwo,
                        Op = arg.Op
                    });
            to.Syscalls.Add(call);
        }

        return to;
    }

    private static Proto.LinuxBlockIO BlockIo(JsonElement json)
    {
        var to = new Proto.LinuxBlockIO
        {
            Weight = (uint)Number(json, "weight"),
            LeafWeight = (uint)Number(json, "leafWeight")
        };
        foreach (var device in Items(json, "weightDevice"))
        {
            to.WeightDevice.Add(new Proto.LinuxWeightDevice
            {
                Major = Number(device, "major"),
                Minor = Number(device, "minor"),
                Weight = (uint)Number(device, "weight"),
                LeafWeight = (uint)Number(device, "leafWeight"),
            });
        }

        AddThrottles(to.ThrottleReadBpsDevice, json, "throttleReadBpsDevice");
        AddThrottles(to.ThrottleWriteBpsDevice, json, "throttleWriteBpsDevice");
        AddThrottles(to.ThrottleReadIOPSDevice, json, "throttleReadIOPSDevice");
        AddThrottles(to.ThrottleWriteIOPSDevice, json, "throttleWriteIOPSDevice");
        return to;
    }

    private static void AddThrottles(RepeatedField<Proto.LinuxThrottleDevice> to, JsonElement json, string name)
    {
        foreach (var device in Items(json, name))
        {
            to.Add(new Proto.LinuxThrottleDevice
            {
                Major = Number(device, "major"),
                Minor = Number(device, "minor"),
                Rate = (ulong)Number(device, "rate"),
            });
        }
    }

    private static Proto.LinuxNetwork Network(JsonElement json)
    {
        var to = new Proto.LinuxNetwork { ClassID = (uint)Number(json, "classID") };
        foreach (var priority in Items(json, "priorities"))
            to.Priorities.Add(
                new Proto.LinuxInterfacePriority
                {
                    Name = Text(priority, "name"),
                    Priority = (uint)Number(priority, "priority")
                });
        return to;
    }

    private static void AddAll(RepeatedField<Proto.Hook> to, IReadOnlyList<OciHook> hooks)
    {
        foreach (var hook in hooks)
        {
            var one = new Proto.Hook { Path = hook.Path, Timeout = hook.Timeout ?? 0 };
            one.Args.AddRange(hook.Args);
            one.Env.AddRange(hook.Env);
            to.Add(one);
        }
    }

    private static void AddAll(RepeatedField<Proto.LinuxIDMapping> to, IReadOnlyList<OciIdMapping> mappings)
    {
        foreach (var mapping in mappings)
            to.Add(
                new Proto.LinuxIDMapping
                {
                    HostID = mapping.HostId,
                    ContainerID = mapping.ContainerId,
                    Size = mapping.Size
                });
    }

    private static void AddAll(MapField<string, string> to, IReadOnlyDictionary<string, string> from)
    {
        foreach (var (key, value) in from)
            to[key] = value;
    }

    private static JsonElement? Find(IDictionary<string, JsonElement>? other, string name) =>
        other is not null && other.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value
            : null;

    private static IEnumerable<JsonElement> Items(JsonElement json, string name) =>
        json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Where(static item => item.ValueKind == JsonValueKind.Object)
            : [];

    private static long Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(
            out var number) ? number : 0;

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
