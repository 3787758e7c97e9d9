using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri.Protos;

namespace Kata.Tests.Cri;

/// <summary>The console's commands; files have the form that crictl takes, in JSON.</summary>
internal sealed class PodCommands(CriClient client) : IDisposable
{
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromSeconds(20);

    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);

    public void Dispose() => client.Dispose();

    public Task<int> RunAsync(string command, string[] words) => command switch
    {
        "ready" => ReadyAsync(words),
        "runp" when words.Length == 2 => RunPodAsync(words[0], words[1]),
        "run" when words.Length == 3 => RunContainerAsync(words[0], words[1], words[2]),
        "ip" => AddressAsync(words[0]),
        "exec" when words.Length > 1 => ExecAsync(words[0], words[1..]),
        "stats" => StatsAsync(words),
        "stopp" =>
            DoneAsync(
                client.Runtime.StopPodSandboxAsync(
                    new StopPodSandboxRequest { PodSandboxId = words[0] }, CriClient.Call())),
        "rmp" =>
            DoneAsync(
                client.Runtime.RemovePodSandboxAsync(
                    new RemovePodSandboxRequest { PodSandboxId = words[0] }, CriClient.Call())),
        _ =>
            throw new RpcException(
                new Status(StatusCode.InvalidArgument, "no such command, or not with so many words")),
    };

    private async Task<int> ReadyAsync(string[] images)
    {
        using var limit = new CancellationTokenSource(ReadyLimit);
        while (!await IsReadyAsync(images))
            await Task.Delay(TimeSpan.FromMilliseconds(50), limit.Token);
        return 0;
    }

    private async Task<bool> IsReadyAsync(string[] images)
    {
        try
        {
            var status = await client.Runtime.StatusAsync(new StatusRequest(), CriClient.Call());
            if (!status.Status.Conditions.All(c => c.Status))
                return false;
            foreach (var image in images)
            {
                var reply = await client.Images.ImageStatusAsync(
                    new ImageStatusRequest { Image = new ImageSpec { Image = image } }, CriClient.Call());
                if (reply.Image is null)
                    return false;
            }

            return true;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Unknown)
        {
            return false;
        }
    }

    private async Task<int> RunPodAsync(string handler, string file)
    {
        var reply = await client.Runtime.RunPodSandboxAsync(
            new RunPodSandboxRequest { RuntimeHandler = handler, Config = Read<PodSandboxConfig>(file) },
            CriClient.Call());
        Console.WriteLine(reply.PodSandboxId);
        return 0;
    }

    private async Task<int> RunContainerAsync(string pod, string podFile, string file)
    {
        var reply = await client.Runtime.CreateContainerAsync(
            new CreateContainerRequest
            {
                PodSandboxId = pod,
                SandboxConfig = Read<PodSandboxConfig>(podFile),
                Config = Read<ContainerConfig>(file)
            },
            CriClient.Call());
        await client.Runtime.StartContainerAsync(
            new StartContainerRequest { ContainerId = reply.ContainerId }, CriClient.Call());
        Console.WriteLine(reply.ContainerId);
        return 0;
    }

    private async Task<int> AddressAsync(string pod)
    {
        var reply = await client.Runtime.PodSandboxStatusAsync(
            new PodSandboxStatusRequest { PodSandboxId = pod }, CriClient.Call());
        Console.WriteLine(reply.Status.Network.Ip);
        return 0;
    }

    private async Task<int> ExecAsync(string id, string[] command)
    {
        var request = new ExecSyncRequest { ContainerId = id, Timeout = 60 };
        request.Cmd.AddRange(command);
        var reply = await client.Runtime.ExecSyncAsync(request, CriClient.Call());
        Console.Out.Write(reply.Stdout.ToStringUtf8());
        Console.Error.Write(reply.Stderr.ToStringUtf8());
        return reply.ExitCode;
    }

    private async Task<int> StatsAsync(string[] ids)
    {
        foreach (var id in ids)
        {
            var stats = (
                await client.Runtime.ContainerStatsAsync(
                    new ContainerStatsRequest { ContainerId = id }, CriClient.Call())).Stats;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{stats.Attributes.Metadata.Name,-8} CPU {stats.Cpu.UsageCoreNanoSeconds.Value / 1e6,7:0} ms, memory {stats.Memory.WorkingSetBytes.Value / 1024.0 / 1024,6:0.0} MB"));
        }

        return 0;
    }

    private static async Task<int> DoneAsync<T>(AsyncUnaryCall<T> call)
    {
        await call;
        return 0;
    }

    private static T Read<T>(string file)
        where T : IMessage, new() => Parser.Parse<T>(File.ReadAllText(file));
}
