namespace Kata.Tests.Benchmarks.Host;

/// <summary>A pod with its shim: a container that keeps it, and others that come and go.</summary>
internal sealed class BenchPod : IAsyncDisposable
{
    private readonly Scratch _scratch;
    private readonly string _network;

    private BenchPod(Scratch scratch, Shim shim, string id, string network, string root) =>
        (_scratch, Shim, Id, _network, Root) = (scratch, shim, id, network, root);

    public Shim Shim { get; }

    public string Id { get; }

    /// <summary>The root of its containers, on the host.</summary>
    public string Root { get; }

    /// <summary>Starts one with the network of the n-th pod.</summary>
    public static async Task<BenchPod> StartAsync(
        ShimKind kind, Containerd containerd, Scratch scratch, string configuration, int number, string name)
    {
        var id = $"{name}-{(kind == ShimKind.Ours ? "ours" : "runc")}-{number}";
        var network = await PodNetwork.MakeAsync(number);
        var bundle = Bundle.Write(scratch.Path, id, id, network: network);
        var shim = await Shim.StartAsync(kind, containerd, bundle, id, configuration);
        try
        {
            await shim.CreateAsync(bundle, id);
            await shim.StartAsync(id);
            return new BenchPod(scratch, shim, id, network, bundle.Root);
        }
        catch
        {
            await shim.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a container and starts it.</summary>
    public async Task AddAsync(string name, string? script = null, string? device = null)
    {
        var id = $"{Id}-{name}";
        var bundle = Bundle.Write(_scratch.Path, id, Id, script, _network, device);
        await Shim.CreateAsync(bundle, id);
        await Shim.StartAsync(id);
    }

    /// <summary>
    /// Runs a script in a container of its own and answers what it wrote into its file, named by the variable
    /// <c>OUT</c>.
    /// </summary>
    public async Task<string> RunAsync(string name, string script)
    {
        var file = $"{Id}-{name}";
        await AddAsync(name, $"OUT=/out/{file}; PATH=/bin; {script}");
        await Shim.WaitAsync($"{Id}-{name}");
        await Shim.DeleteAsync($"{Id}-{name}");
        return await File.ReadAllTextAsync($"{Root}/out/{file}");
    }

    /// <summary>Kills and removes a container.</summary>
    public Task RemoveAsync(string name) => Shim.RemoveAsync($"{Id}-{name}");

    /// <summary>Removes it.</summary>
    public async ValueTask DisposeAsync()
    {
        await Shim.RemoveAsync(Id);
        await Shim.DisposeAsync();
    }
}
