using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>TCP between two pods and from the host to a pod on one bridge, ours beside runc's.</summary>
internal static partial class NetworkBenchmark
{
    private const int Megabytes = 64;

    // The clock of the program that times it counts hundredths, which is coarse for what needs no machine.
    private const int Larger = 512;
    private const int RoundTrips = 300;
    private const int SinkPort = 5001;
    private const int EchoPort = 5002;

    public static async Task RunAsync(Report report, int rounds)
    {
        using var scratch = new Scratch();
        var configuration = ShimConfiguration.Write(scratch["configuration.toml"]);
        await using var containerd = await Containerd.StartAsync();
        var ours = await MeasureAsync(report, ShimKind.Ours, containerd, scratch, configuration, rounds);
        var runcs = await MeasureAsync(report, ShimKind.Runc, containerd, scratch, configuration, rounds);
        foreach (var (what, own, others) in ours.Zip(runcs, (own, others) => (own.What, own.Samples, others.Samples)))
            report.Row(
                "network", what, own.ToString(),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"runc {others.Median:0.###}; ours {own.Median / others.Median:0.00} of it"));
    }

    private static async Task<List<(string What, Samples Samples)>> MeasureAsync(
        Report report, ShimKind kind, Containerd containerd, Scratch scratch, string configuration, int rounds)
    {
        await using var server = await BenchPod.StartAsync(kind, containerd, scratch, configuration, 1, "net");
        await using var client = await BenchPod.StartAsync(kind, containerd, scratch, configuration, 2, "net");
        // nc itself copies by the kilobyte; dd has the socket to itself.
        await server.AddAsync(
            "sink", $"while :; do busybox nc -l -p {SinkPort} -e /bin/busybox dd of=/dev/null bs=64k; done");
        await server.AddAsync("echo", $"while :; do busybox nc -l -p {EchoPort} -e /bin/busybox cat; done");
        var size = kind == ShimKind.Ours ? Megabytes : Larger;
        var fromHost = new Samples("MB/s", "0.0");
        var latency = new Samples("ms", "0.000");
        var between = new Samples("MB/s", "0.0");
        var ping = new Samples("ms", "0.000");
        for (var round = 0; round < rounds; round++)
        {
            fromHost.Add(await SendAsync(size));
            latency.Add(await EchoAsync());
            between.Add(size / Seconds(await client.RunAsync(
                $"dd{round}",
                $"until busybox time -p busybox nc {PodNetwork.Address(1)} {SinkPort} -e /bin/busybox dd if=/dev/zero bs=64k count={size * 16} 2>$OUT; do busybox usleep 100000; done")));
            ping.Add(
                PingMean(
                    await client.RunAsync(
                        $"ping{round}", $"busybox ping -q -c 20 -i 0.1 {PodNetwork.Address(1)} > $OUT")));
            report.Progress($"network: {kind.Name}, {round + 1} of {rounds} rounds");
        }

        await server.RemoveAsync("sink");
        await server.RemoveAsync("echo");
        return [("host to pod: TCP throughput", fromHost), ("host to pod: TCP round trip of a byte", latency),
            ("pod to pod: TCP throughput", between), ("pod to pod: ping, mean", ping)];
    }

    private static async Task<double> SendAsync(int megabytes)
    {
        using var socket = await ConnectAsync(SinkPort);
        var block = new byte[64 * 1024];
        var since = Stopwatch.GetTimestamp();
        for (var sent = 0; sent < megabytes * 16; sent++)
            await socket.SendAsync(block);
        socket.Shutdown(SocketShutdown.Send);
        while (await socket.ReceiveAsync(block) > 0)
        {
            // Its end says that all has arrived.
        }

        return megabytes / Stopwatch.GetElapsedTime(since).TotalSeconds;
    }

    private static async Task<double> EchoAsync()
    {
        using var socket = await ConnectAsync(EchoPort);
        socket.NoDelay = true;
        var times = new Samples("ms");
        var one = new byte[1];
        for (var round = 0; round < RoundTrips; round++)
        {
            var since = Stopwatch.GetTimestamp();
            await socket.SendAsync(one);
            await socket.ReceiveAsync(one);
            times.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
        }

        return times.Median;
    }

    // The listener comes again only after its last client has gone.
    private static async Task<Socket> ConnectAsync(int port)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(PodNetwork.Address(1), port);
                return socket;
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(20))
            {
                socket.Dispose();
                await Task.Delay(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    /// <summary>What <c>time -p</c> said.</summary>
    internal static double Seconds(string text)
    {
        var found = TimeLine().Match(text);
        return found.Success
            ? Math.Max(0.005, double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"time said '{text}'");
    }

    private static double PingMean(string text)
    {
        var found = PingLine().Match(text);
        return found.Success
            ? double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"ping said '{text}'");
    }

    [GeneratedRegex(@"real ([0-9.]+)")]
    private static partial Regex TimeLine();

    [GeneratedRegex(@"= [0-9.]+/([0-9.]+)/")]
    private static partial Regex PingLine();
}
