using System.Runtime.CompilerServices;
using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.State;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>
/// What the steps of one boot leave for those after them. To read what no step has left yet is a fault of the plan.
/// </summary>
internal sealed class BootContext(LiveSandbox sandbox, ContainerCreation creation)
{
    /// <summary>The sandbox that boots.</summary>
    public LiveSandbox Sandbox => sandbox;

    /// <summary>The container that it boots for.</summary>
    public ContainerCreation Creation => creation;

    /// <summary>That container's specification.</summary>
    public OciSpec Spec => creation.Spec;

    public RuntimeSettings Settings { get => field ?? throw Early(); set; }

    public IResourceLedger Ledger { get => field ?? throw Early(); set; }

    /// <summary>The machine as containers will use it; its size is what it is launched with.</summary>
    public SandboxMachine Machine { get => field ?? throw Early(); set; }

    public ISandboxLinks Links { get => field ?? throw Early(); set; }

    /// <summary>The network namespace is the pod's; else nobody but us knows it.</summary>
    public bool HasPodNetwork { get; set; }

    public CgroupPlacement Cgroups { get => field ?? throw Early(); set; }

    public BootAssets Assets { get => field ?? throw Early(); set; }

    /// <summary>Null with <c>shared_fs = "none"</c>.</summary>
    public ISharedDirectory? Share { get; set; }

    public NetworkPlan Network { get => field ?? throw Early(); set; }

    public IVirtualMachine Vm { get => field ?? throw Early(); set; }

    public IGuestAgent Agent { get => field ?? throw Early(); set; }

    public GuestDetails Guest { get => field ?? throw Early(); set; }

    /// <summary>Where VMM and file daemon are to run.</summary>
    public VmPlacement Placement { get => field ?? throw Early(); set; }

    /// <summary>The handles of the sandbox, when every step is done.</summary>
    public SandboxHandles.Ready ToReady() => new(Ledger)
    {
        Id = sandbox.Id,
        Settings = Settings,
        Vm = Vm,
        Machine = Machine,
        Agent = Agent,
        Guest = Guest,
        Links = Links,
        HasPodNetwork = HasPodNetwork,
        Cgroups = Cgroups,
        Share = Share,
    };

    private static InvalidOperationException Early([CallerMemberName] string what = "") =>
        new($"no step of the boot has left its {what} yet");
}
