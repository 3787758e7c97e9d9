using System.Text;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2.Configuration;
using Kata.Adapters.Shimv2.Logging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class SettingsReaderTests
{
    private const string Source = "/etc/kata-containers/configuration.toml";
    private const string Least = """
        [hypervisor.qemu]
        kernel = "/guest/vmlinux"
        initrd = "/guest/initrd.img"
        virtio_fs_daemon = "/usr/lib/qemu/virtiofsd"
        """;

    private static readonly IHypervisorSection[] Hypervisors = [new QemuSection()];

    [Fact]
    public void Parse_of_the_least_file_takes_the_defaults()
    {
        var settings = Parse(Source, Least);

        settings.Source.Should().Be(Source);
        settings.Hypervisor.Name.Should().Be("qemu");
        settings.Hypervisor.Path.Should().Be("/usr/bin/qemu-system-x86_64");
        settings.Hypervisor.MemoryMib.Should().Be(512);
        settings.Guest.DialTimeout.Should().Be(TimeSpan.FromSeconds(45));
        settings.SandboxCgroupOnly.Should().BeTrue();
    }

    [Fact]
    public void Annotations_that_are_enabled_stand_for_their_keys()
    {
        var settings = Parse(Source, Least + """

            kernel_params = "a=1 b=2"
            enable_annotations = ["default_vcpus", "default_m.*", "kernel_params", "kernel_modules"]
            [runtime]
            disable_guest_seccomp = true
            """, Annotations(
            ("hypervisor.default_vcpus", "1.5"), ("hypervisor.default_memory", "600"),
            ("hypervisor.kernel_params", "b=3 c"),
            ("runtime.disable_guest_seccomp", "false"), ("agent.kernel_modules", "one a=1; two")));

        settings.Hypervisor.DefaultVcpus.Should().Be(Math.Min(2, Environment.ProcessorCount));
        settings.Hypervisor.MemoryMib.Should().Be(600);
        settings.Hypervisor.KernelParameters.Should().Equal("a=1", "b=3", "c");
        settings.DisableGuestSeccomp.Should().BeFalse();
        settings.Guest.KernelModules.Should().Equal("one a=1", "two");
        settings.Source.Should().Contain("default_memory");
    }

    [Theory]
    [InlineData("[\"default_vcpus\"]", "hypervisor.default_vcpus", "many",
        "annotation io.katacontainers.config.hypervisor.default_vcpus must be a number above 0, not \"many\"")]
    [InlineData("[\".*\"]", "hypervisor.default_vcpus", "100000",
        "*default_vcpus asks for 100000 vCPUs, more than the * CPUs of the host")]
    [InlineData("[\".*\"]", "hypervisor.default_memory", "99999999999",
        "*default_memory asks for 99999999999 MiB, more than the *")]
    [InlineData("[\".*\"]", "hypervisor.default_memory", "-5", "*default_memory must be a whole number, not \"-5\"")]
    [InlineData("[]", "hypervisor.default_vcpus", "1",
        "*default_vcpus is not enabled: * must name \"default_vcpus\" in enable_annotations*")]
    [InlineData("[\"default_.*_memory\", \"default_vcpus.*s\"]", "hypervisor.default_vcpus", "1", "*is not enabled*")]
    [InlineData("[\"vcpus\", \"[\"]", "hypervisor.default_vcpus", "1", "*is not enabled*")]
    [InlineData("[\".*\"]", "hypervisor.path", "/bin/sh", "*hypervisor.path is not supported by this version*")]
    [InlineData("[]", "runtime.sandbox_cgroup_only", "false", "*is not enabled*")]
    [InlineData("[]", "runtime.disable_guest_seccomp", "true", "*is not enabled*")]
    [InlineData("[]", "runtime.internetworking_model", "macvtap", "*is not enabled*")]
    [InlineData("[]", "runtime.create_container_timeout", "86400", "*is not enabled*")]
    [InlineData("[]", "agent.kernel_modules", "nfs", "*is not enabled*")]
    [InlineData("[]", "runtime.disable_guest_seccomp", "maybe", "*must be true or false, not \"maybe\"")]
    public void Annotation_that_is_not_enabled_or_nonsense_is_refused(
        string enabled, string name, string value, string sentence) =>
        FluentActions.Invoking(
            () => Parse(
                Source, $"{Least}\nenable_annotations = {enabled}\n", Annotations((name, value))))
            .Should().Throw<KataException>().WithMessage(sentence).Which.Kind.Should().Be(ErrorKind.InvalidArgument);

    [Fact]
    public void Annotations_that_only_narrow_need_not_be_enabled()
    {
        var settings = Parse(Source,
            $"{Least}\n[runtime]\ndisable_guest_seccomp = true\ncreate_container_timeout = 40\n", Annotations(
            ("runtime.disable_guest_seccomp", "false"), ("runtime.create_container_timeout", "30")));

        settings.DisableGuestSeccomp.Should().BeFalse();
        settings.CreateContainerTimeout.Should().Be(TimeSpan.FromSeconds(30));
        Parse(Source, Least, Annotations(("runtime.create_container_timeout", "30")))
            .CreateContainerTimeout.Should().Be(TimeSpan.FromSeconds(30));
    }

    private static Dictionary<string, string> Annotations(params (string Name, string Value)[] annotations) =>
        annotations.ToDictionary(a => $"io.katacontainers.config.{a.Name}", a => a.Value);

    [Fact]
    public void Parse_reads_upstreams_names()
    {
        var settings = Parse(Source, Least + """

            path = "/opt/qemu"
            kernel_params = "a=1  b=\"x y\" c"
            machine_type = "virt"
            accelerator = "tcg"
            guest_channel = "serial"
            default_vcpus = 1.5
            default_maxvcpus = 4
            default_memory = 1024
            default_maxmemory = 0
            memory_slots = 0
            virtio_fs_extra_args = ["--thread-pool-size=1"]
            disable_vhost_net = true
            enable_debug = true
            [agent.kata]
            dial_timeout = 90
            kernel_modules = ["e1000e InterruptThrottleRate=3000"]
            debug_console_enabled = true
            [runtime]
            enable_debug = true
            sandbox_cgroup_only = false
            create_container_timeout = 120
            """);

        var hypervisor = settings.Hypervisor;
        hypervisor.Path.Should().Be("/opt/qemu");
        hypervisor.KernelParameters.Should().Equal("a=1", "b=\"x y\"", "c");
        hypervisor.Accelerator.Should().Be(Accelerator.Tcg);
        hypervisor.Channel.Should().Be(GuestChannel.Serial);
        hypervisor.DefaultVcpus.Should().Be(2);
        hypervisor.MemorySlots.Should().Be(10);
        hypervisor.MaxMemoryMib.Should().BeGreaterThan(1024, "0 stands for the host's memory");
        hypervisor.VirtioFsExtraArguments.Should().Equal("--thread-pool-size=1");
        hypervisor.DisableVhostNet.Should().BeTrue();
        settings.Guest.DialTimeout.Should().Be(TimeSpan.FromSeconds(90));
        settings.Guest.DebugConsole.Should().BeTrue();
        settings.SandboxCgroupOnly.Should().BeFalse();
        settings.CreateContainerTimeout.Should().Be(TimeSpan.FromSeconds(120));
    }

    [Theory]
    [InlineData(false, "true", true)]
    [InlineData(false, "false", false)]
    [InlineData(true, "false", true)]
    public async Task Read_when_the_runtime_is_to_be_debugged_has_the_log_take_debug_messages(
        bool asStarted, string set, bool expected)
    {
        using var log = new ContainerdLog(fifo: null, asStarted, TimeProvider.System);
        var reader = new SettingsReader(new ConfigSearchPath("", []), Hypervisors, NullLogger<SettingsReader>.Instance, log);
        var body = Encoding.UTF8.GetBytes($"{Least}\n[runtime]\nenable_debug = {set}\n");

        await reader.ReadAsync(
            new RuntimeOptions(null, body), new Dictionary<string, string>(), CancellationToken.None);

        log.Debug.Should().Be(expected);
    }

    [Theory]
    [InlineData("defualt_vcpus = 1",
        "unknown key hypervisor.qemu.defualt_vcpus; the nearest known one is hypervisor.qemu.default_vcpus")]
    [InlineData("default_vcpus = \"1\"", "hypervisor.qemu.default_vcpus must be a number, not a string")]
    [InlineData("default_memory = -1", "hypervisor.qemu.default_memory must be between 0 and 16777216, not -1")]
    [InlineData("memory_slots = 256", "hypervisor.qemu.memory_slots must be between 0 and 255, not 256")]
    [InlineData("block_device_driver = \"virtio-mmio\"",
        "hypervisor.qemu.block_device_driver is not supported by this version; take the line out or leave it off")]
    [InlineData("default_memory = 512.5",
        "hypervisor.qemu.default_memory must be a whole number, not a number with a fraction")]
    [InlineData("shared_fs = \"virtio-9p\"",
        "hypervisor.qemu.shared_fs must be one of \"virtio-fs\", \"none\", not \"virtio-9p\"")]
    [InlineData("firmware = \"x\"", "hypervisor.qemu.firmware must be an absolute path, not \"x\"")]
    [InlineData("enable_iommu = true",
        "hypervisor.qemu.enable_iommu is not supported by this version; take the line out or leave it off")]
    [InlineData("virtio_fs_extra_args = [1]",
        "hypervisor.qemu.virtio_fs_extra_args must be a list of strings, not a whole number")]
    [InlineData("virtio_fs_queue_size = 1000", "hypervisor.qemu.virtio_fs_queue_size must be a power of two")]
    [InlineData("[hypervisor.firecracker]", "hypervisor.firecracker is not supported by this version; use qemu")]
    [InlineData("[hypervisor.clh]", "hypervisor.clh is not supported by this version; use qemu")]
    [InlineData("[hypervisor.qemo]", "hypervisor.qemo is not supported by this version; use qemu")]
    [InlineData("[hypervisors.qemu]", "unknown key hypervisors; the nearest known one is hypervisor")]
    [InlineData("[agent.kata]\ndial_timeout_ms = 10",
        "unknown key agent.kata.dial_timeout_ms; the nearest known one is agent.kata.dial_timeout")]
    [InlineData("[runtime]\ndisable_new_netns = true",
        "runtime.disable_new_netns is not supported by this version; take the line out or leave it off")]
    [InlineData("[runtime]\nhypervisor_name = \"clh\"",
        "there must be one table [hypervisor.NAME], or runtime.hypervisor_name must name one")]
    [InlineData("[factory]\nenable_template = true",
        "factory.enable_template is not supported by this version; take the line out or leave it off")]
    public void Parse_of_a_fault_names_file_and_key(string lines, string complaint)
    {
        Refusal(Least + "\n" + lines).Should().Be($"{Source}: {complaint}");
    }

    [Theory]
    [InlineData("bochs", "")]
    [InlineData("bochs", "[runtime]\nhypervisor_name = \"bochs\"")]
    public void Parse_reads_the_table_of_whatever_hypervisor_is_registered(string name, string lines)
    {
        IHypervisorSection[] registered = [new QemuSection(), new Bochs()];
        var table = $"[hypervisor.{name}]\nkernel = \"/k\"\nbios = \"/b\"\n";

        var settings = SettingsReader.Parse(Source, table + lines, registered);

        settings.Hypervisor.Should().BeEquivalentTo(
            new { Name = "bochs", Path = "/usr/bin/bochs", Kernel = "/k", Firmware = "/b", MachineType = "" });
        FluentActions.Invoking(() => SettingsReader.Parse(Source, table + "machine_type = \"q35\"", registered))
            .Should().Throw<KataException>().WithMessage("*unknown key hypervisor.bochs.machine_type*");
        FluentActions.Invoking(() => SettingsReader.Parse(Source, "[hypervisor.vpc]", registered))
            .Should().Throw<KataException>()
            .WithMessage($"{Source}: hypervisor.vpc is not supported by this version; use qemu or bochs");
    }

    [Fact]
    public void Parse_of_no_toml_says_where()
    {
        Refusal("[hypervisor.qemu]\nkernel = ").Should().StartWith($"{Source} is not valid TOML: ");
    }

    [Fact]
    public void Parse_of_upstreams_keys_that_are_off_takes_them()
    {
        var parse = () => Parse(Source, Least + """

            enable_annotations = ["enable_iommu"]
            valid_hypervisor_paths = ["/usr/bin/qemu-system-x86_64"]
            enable_iommu = false
            pflashes = []
            hot_plug_vfio = "no-port"
            pcie_root_port = 0
            block_device_driver = "virtio-scsi"
            disable_guest_selinux = true
            [factory]
            enable_template = false
            [agent.kata]
            enable_tracing = false
            cdh_api_timeout = 50
            [runtime]
            name = "virt_container"
            hypervisor_name = "qemu"
            agent_name = "kata"
            internetworking_model = "tcfilter"
            sandbox_bind_mounts = []
            experimental = []
            vfio_mode = "guest-kernel"
            """);

        parse.Should().NotThrow();
    }

    [Fact]
    public void Find_goes_by_options_environment_and_defaults_in_turn()
    {
        var existing = typeof(SettingsReaderTests).Assembly.Location;

        new ConfigSearchPath("/env", [existing]).Find("/options").Should().Be("/options");
        new ConfigSearchPath("/env", [existing]).Find(null).Should().Be("/env");
        new ConfigSearchPath("", ["/nonexistent", existing]).Find("").Should().Be(existing);
        FluentActions.Invoking(() => new ConfigSearchPath("", ["/nonexistent"]).Find(null))
            .Should().Throw<KataException>().WithMessage("no configuration was found; put one at /nonexistent*");
    }

    [Theory]
    [InlineData("kernel", "kernel", 0)]
    [InlineData("kernel", "kernal", 1)]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    public void Distance_counts_changes(string one, string other, int expected)
    {
        EditDistance.Between(one, other).Should().Be(expected);
        EditDistance.Between(other, one).Should().Be(expected);
    }

    private static RuntimeSettings Parse(
        string source, string text, IReadOnlyDictionary<string, string>? annotations = null) =>
        SettingsReader.Parse(source, text, Hypervisors, annotations);

    private static string Refusal(string text) => FluentActions.Invoking(() => Parse(Source, text))
        .Should().Throw<KataException>().Where(e => e.Kind == ErrorKind.InvalidArgument).Which.Message;

    private sealed class Bochs : IHypervisorSection
    {
        public string Name => "bochs";

        public HypervisorSettings Read(ISettingsSection section, HostSize host) => HypervisorKeys.Read(
            section, new HypervisorSettings { Name = Name, Path = "/usr/bin/bochs", Kernel = "" }, host) with
        {
            Firmware = section.FilePath("bios", ""),
        };
    }
}
