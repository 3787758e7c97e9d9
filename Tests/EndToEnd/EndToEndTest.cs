using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Kata.Tests.EndToEnd;

/// <summary>All classes that talk to the private containerd; they run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class ContainerdTests : ICollectionFixture<PrivateContainerd>
{
    public const string Name = "containerd";
}

/// <summary>A test that finds the host after it exactly as it was before.</summary>
[Collection(ContainerdTests.Name)]
public abstract class EndToEndTest(PrivateContainerd host) : IAsyncLifetime
{
    private HostUnchanged? _unchanged;

    protected PrivateContainerd Host { get; } = host;

    private protected HostUnchanged Unchanged => _unchanged!;

    public virtual Task InitializeAsync()
    {
        _unchanged = new HostUnchanged(Host);
        return Task.CompletedTask;
    }

    public virtual async Task DisposeAsync() => await _unchanged!.AssertAsync(GetType().Name);
}

/// <summary>A test that only makes sense where containers live in a machine.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MachineFactAttribute : FactAttribute
{
    public MachineFactAttribute()
    {
        if (!TestSettings.HasMachine)
            Skip = $"{TestSettings.Runtime} runs no machine";
    }
}

/// <inheritdoc cref="MachineFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MachineTheoryAttribute : TheoryAttribute
{
    public MachineTheoryAttribute()
    {
        if (!TestSettings.HasMachine)
            Skip = $"{TestSettings.Runtime} runs no machine";
    }
}
