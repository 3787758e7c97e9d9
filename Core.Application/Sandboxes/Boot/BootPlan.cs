using Microsoft.Extensions.DependencyInjection;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>
/// The steps of a boot in their order. A stage begins when the one before has ended; its chains run beside each other,
/// the steps of a chain one after another.
/// </summary>
internal sealed class BootPlan(IReadOnlyList<IReadOnlyList<IReadOnlyList<IBootStep>>> stages)
{
    /// <summary>The plan of every sandbox.</summary>
    public static BootPlan Create(IServiceProvider services)
    {
        return new BootPlan([
            [[Step<ReadSettings>(), Step<ClaimState>(), Step<OpenNamespace>(), Step<EnterCgroup>()]],
            [[Step<FindAssets>()], [Step<StartShare>()], [Step<AttachLinks>()]],
            [[Step<LaunchVmm>()]],
            [
                [Step<PrepareRoot>()],
                [Step<DialAgent>(), Step<SetGuestNetwork>(), Step<OpenGuest>(), Step<OnlineCpus>()],
            ],
        ]);

        IBootStep Step<T>()
            where T : IBootStep => services.GetRequiredService<T>();
    }

    /// <summary>
    /// Runs the steps, each as a phase of the creation's timeline. The first that fails calls the others off; they are
    /// waited for, so that whoever gives back sees all that they acquired.
    /// </summary>
    public async Task RunAsync(BootContext boot)
    {
        foreach (var stage in stages)
            await Task.WhenAll(stage.Select(chain => RunAsync(chain, boot)));
    }

    private static async Task RunAsync(IReadOnlyList<IBootStep> chain, BootContext boot)
    {
        var (timeline, limits) = (boot.Creation.Timeline, boot.Creation.Limits);
        try
        {
            foreach (var step in chain.Where(step => step.IsNeeded(boot)))
                await timeline.RunAsync(step.Phase, () => step.RunAsync(boot, limits.Token));
        }
        catch
        {
            limits.Cancel();
            throw;
        }
    }
}
