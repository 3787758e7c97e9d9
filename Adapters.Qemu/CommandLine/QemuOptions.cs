using Kata.Core.Domain.Networking;

namespace Kata.Adapters.Qemu.CommandLine;

/// <summary>An option of QEMU's command line that prints itself: its name and, if it has one, its argument.</summary>
internal abstract record QemuOption(string Name)
{
    /// <summary>The argument; null for a bare switch.</summary>
    public abstract string? Argument { get; }

    /// <summary>The words of the command line.</summary>
    public IEnumerable<string> Print() => Argument is { } argument ? [$"-{Name}", argument] : [$"-{Name}"];
}

/// <summary>A switch without an argument, such as <c>-nodefaults</c>.</summary>
internal sealed record SwitchOption(string Name) : QemuOption(Name)
{
    public override string? Argument => null;
}

/// <summary>An option whose argument is one word: a path, an id.</summary>
internal sealed record WordOption(string Name, string Word) : QemuOption(Name)
{
    public override string Argument => Word;
}

/// <summary>The name in process lists.</summary>
internal sealed record GuestNameOption(string Guest, bool NameThreads) : QemuOption("name")
{
    public override string Argument => new OptionText(Guest).Add("debug-threads", NameThreads ? "on" : null).ToString();
}

/// <summary>Machine type and accelerator; further words as the operator gave them.</summary>
internal sealed record MachineTypeOption(string Type, string Accelerator) : QemuOption("machine")
{
    public string? GicVersion { get; init; }

    public bool Nvdimm { get; init; }

    public string Further { get; init; } = "";

    public override string Argument
    {
        get
        {
            var text = new OptionText(Type).Add("accel", Accelerator).Add("gic-version", GicVersion)
                .Add("nvdimm", Nvdimm ? "on" : null);
            return Further.Length > 0 ? text.Word(Further.Trim(',')).ToString() : text.ToString();
        }
    }
}

/// <summary>CPU model and features.</summary>
internal sealed record CpuOption(string Model, string Features) : QemuOption("cpu")
{
    public override string Argument =>
        Features.Length > 0 ? new OptionText(Model).Word(Features.Trim(',')).ToString() : Model;
}

/// <summary>vCPUs: one socket for each that may ever be, so that each can be added by itself.</summary>
internal sealed record SmpOption(int Vcpus, int Max) : QemuOption("smp")
{
    public override string Argument =>
        new OptionText($"{Vcpus}").Add("cores", 1).Add("threads", 1).Add("sockets", Max).Add("maxcpus", Max).ToString();
}

/// <summary>Memory, and how far it can grow.</summary>
internal sealed record MemoryOption(int Mib, int Slots, long MaxMib) : QemuOption("m")
{
    public override string Argument =>
        MaxMib > Mib ? new OptionText($"{Mib}M").Add("slots", Slots).Add("maxmem", $"{MaxMib}M").ToString() : $"{Mib}M";
}

/// <summary>The guest's memory: anonymous, and shared so that vhost-user daemons can map it.</summary>
internal sealed record MemfdObject(string Id, int Mib) : QemuOption("object")
{
    public override string Argument =>
        new OptionText("memory-backend-memfd").Add("id", Id).Add("size", $"{Mib}M").Add("share", true).ToString();
}

/// <summary>A file that the guest sees as memory and cannot write.</summary>
internal sealed record ReadOnlyFileMemory(string Id, string Path, long Bytes) : QemuOption("object")
{
    public override string Argument =>
        new OptionText("memory-backend-file").Add("id", Id).Add("mem-path", Path).Add("size", Bytes).Add("share", true)
            .Add("readonly", true).ToString();
}

/// <summary>Entropy from a device of the host.</summary>
internal sealed record RngObject(string Id, string Source) : QemuOption("object")
{
    public override string Argument => new OptionText("rng-random").Add("id", Id).Add("filename", Source).ToString();
}

/// <summary>A NUMA node with all of the memory.</summary>
internal sealed record NumaNodeOption(string Memory) : QemuOption("numa")
{
    public override string Argument => new OptionText("node").Add("memdev", Memory).ToString();
}

/// <summary>A listening socket that QEMU was started with.</summary>
internal sealed record ListeningChardev(string Id, int Descriptor) : QemuOption("chardev")
{
    public override string Argument =>
        new OptionText("socket").Add("id", Id).Add("fd", Descriptor).Add("server", true).Add("wait", false).ToString();
}

/// <summary>A socket that somebody listens on.</summary>
internal sealed record ConnectingChardev(string Id, string Path) : QemuOption("chardev")
{
    public override string Argument => new OptionText("socket").Add("id", Id).Add("path", Path).ToString();
}

/// <summary>QEMU's standard output, without its taking signals from a terminal.</summary>
internal sealed record StdioChardev(string Id) : QemuOption("chardev")
{
    public override string Argument => new OptionText("stdio").Add("id", Id).Add("signal", false).ToString();
}

/// <summary>QMP on a character device.</summary>
internal sealed record MonitorOption(string Chardev) : QemuOption("mon")
{
    public override string Argument => new OptionText("").Add("chardev", Chardev).Add("mode", "control").ToString();
}

/// <summary>The first serial port.</summary>
internal sealed record SerialOption(string Chardev) : QemuOption("serial")
{
    public override string Argument => $"chardev:{Chardev}";
}

/// <summary>A device of the guest.</summary>
internal sealed record DeviceOption(
    string Driver, params (string Key, string? Value)[] Properties) : QemuOption("device")
{
    public override string Argument
    {
        get
        {
            var text = new OptionText(Driver);
            foreach (var (key, value) in Properties)
                text.Add(key, value);
            return text.ToString();
        }
    }
}

/// <summary>
/// A tap of the host, opened by name in the network namespace of QEMU; a macvtap by descriptors that QEMU is started
/// with.
/// </summary>
internal sealed record TapOption(string Id, string Interface, int Queues, bool Vhost) : QemuOption("netdev")
{
    /// <summary>Numbers in QEMU, one per queue; empty for a tap that is opened by name.</summary>
    public IReadOnlyList<int> Descriptors { get; init; } = [];

    public override string Argument
    {
        get
        {
            if (Descriptors.Count > 0)
                return new OptionText("tap").Add("id", Id).Add("fds", string.Join(':', Descriptors))
                    .Add("vhost", Vhost).ToString();
            var text = new OptionText("tap").Add("id", Id).Add("ifname", Interface).Add("script", "no")
                .Add("downscript", "no");
            if (Queues > 1)
                text.Add("queues", Queues);
            return text.Add("vhost", Vhost).ToString();
        }
    }

    public DeviceOption Nic(MacAddress mac) => new(
        "virtio-net-pci",
        ("id", $"nic-{Id}"),
        ("netdev", Id),
        ("mac", mac.ToString()),
        ("mq", Queues > 1 ? "on" : null),
        ("vectors", Queues > 1 ? $"{(2 * Queues) + 2}" : null),
        ("romfile", ""));
}

/// <summary>A file or block device of the host as raw storage.</summary>
internal sealed record RawStorage(
    string NodeName, string Path, bool IsBlockDevice, bool ReadOnly) : QemuOption("blockdev")
{
    public override string Argument => new OptionText("")
        .Add("driver", "raw").Add("node-name", NodeName).Add("read-only", ReadOnly)
        .Add("file.driver", IsBlockDevice ? "host_device" : "file").Add("file.filename", Path)
            .Add("file.read-only", ReadOnly)
        .ToString();
}
