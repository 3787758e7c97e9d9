using System.Buffers;
using System.Diagnostics;
using System.Net.Sockets;
using Grpc.Core;
using Kata.Platform.Ttrpc;

namespace Kata.Tests.Benchmarks.Ttrpc;

/// <summary>
/// Unary calls over a unix socket beside a raw ping-pong of the same bytes. Client and server share the process, so a
/// throughput figure is that of both together.
/// </summary>
public static class TtrpcBenchmarks
{
    private const int Warmup = 20_000;
    private const int PayloadSize = 32;

    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(
        static (bytes, context) =>
        {
            context.SetPayloadLength(bytes.Length);
            context.GetBufferWriter().Write(bytes);
            context.Complete();
        },
        static context => context.PayloadAsReadOnlySequence().ToArray());

    private static readonly Method<byte[], byte[]> Echo = new(MethodType.Unary, "bench.Echo", "Echo", Bytes, Bytes);

    /// <summary>Runs everything and writes one line per measurement.</summary>
    public static async Task RunAsync(TextWriter output, int calls = 100_000)
    {
        var raw = RawPingPong(calls);
        Write(output, "raw ping-pong, blocking threads", raw, raw);
        foreach (var reader in new[] { ReaderKind.Async, ReaderKind.BlockingThread })
        {
            foreach (var inline in new[] { false, true })
            {
                foreach (var inFlight in new[] { 1, 64 })
                {
                    var result = await UnaryAsync(reader, inline, inFlight, calls);
                    Write(
                        output,
                        $"ttrpc, {reader}, handlers {(inline ? "inline" : "on the pool")}, {inFlight} in flight",
                        result, raw);
                }
            }

            Write(
                output, $"ttrpc, {reader}, handlers inline, 1 in flight, blocking caller",
                await BlockingAsync(reader, calls), raw);
        }
    }

    private static void Write(TextWriter output, string what, Result result, Result raw) => output.WriteLine(
        $"{what,-64} {result.PerSecond,9:F0}/s  p50 {result.P50,7:F1} us  p99 {result.P99,7:F1} us  {result.P50 / raw.P50,5:F2} x raw  {result.BytesPerCall,6:F0} B/call");

    private static Result RawPingPong(int calls)
    {
        var (client, server) = Pair();
        // As many bytes as the frames of the echo call: header, envelope, payload.
        var request = new byte[10 + 12 + 6 + 2 + PayloadSize];
        var reply = new byte[10 + 2 + 2 + PayloadSize];
        var echo = new Thread(() =>
        {
            var buffer = new byte[4096];
            while (server.Receive(buffer) > 0)
                server.Send(reply);
        });
        echo.Start();
        var times = new long[calls];
        var answer = new byte[4096];
        var measure = new Meter();
        for (var i = -Warmup; i < calls; i++)
        {
            if (i == 0)
                measure = new Meter();
            var start = Stopwatch.GetTimestamp();
            client.Send(request);
            client.Receive(answer);
            if (i >= 0)
                times[i] = Stopwatch.GetTimestamp() - start;
        }

        var result = measure.Stop(times);
        client.Dispose();
        echo.Join();
        server.Dispose();
        return result;
    }

    private static async Task<Result> UnaryAsync(ReaderKind reader, bool inline, int inFlight, int calls)
    {
        await using var server = Serve(reader, inline, out var client);
        await using (client)
        {
            await RunCallsAsync(client, inFlight, new long[Warmup]);
            var times = new long[calls];
            var measure = new Meter();
            await RunCallsAsync(client, inFlight, times);
            return measure.Stop(times);
        }
    }

    private static async Task<Result> BlockingAsync(ReaderKind reader, int calls)
    {
        await using var server = Serve(reader, inline: true, out var client);
        await using (client)
        {
            var request = new byte[PayloadSize];
            var times = new long[calls];
            var measure = new Meter();
            for (var i = -Warmup; i < calls; i++)
            {
                if (i == 0)
                    measure = new Meter();
                var start = Stopwatch.GetTimestamp();
                client.BlockingUnaryCall(Echo, null, default, request);
                if (i >= 0)
                    times[i] = Stopwatch.GetTimestamp() - start;
            }

            return measure.Stop(times);
        }
    }

    private static Task RunCallsAsync(TtrpcClient client, int inFlight, long[] times)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => Task.Run(async () =>
        {
            var request = new byte[PayloadSize];
            int i;
            while ((i = Interlocked.Increment(ref next)) < times.Length)
            {
                var start = Stopwatch.GetTimestamp();
                await client.AsyncUnaryCall(Echo, null, default, request).ResponseAsync;
                times[i] = Stopwatch.GetTimestamp() - start;
            }
        })));
    }

    private static TtrpcServer Serve(ReaderKind reader, bool inline, out TtrpcClient client)
    {
        var server = new TtrpcServer(new TtrpcServerOptions { Reader = reader, RunInline = (_, _) => inline });
        server.AddService(static binder => binder.AddMethod(Echo, static (bytes, _) => Task.FromResult(bytes)));
        var (near, far) = Pair();
        _ = server.ServeConnectionAsync(far, CancellationToken.None);
        client = new TtrpcClient(near, new TtrpcClientOptions { Reader = reader });
        return server;
    }

    private static (Socket Near, Socket Far) Pair()
    {
        var address = new UnixDomainSocketEndPoint($"\0kata-ttrpc-bench-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(address);
        listener.Listen(1);
        var near = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        near.Connect(address);
        return (near, listener.Accept());
    }

    private readonly record struct Result(double PerSecond, double P50, double P99, double BytesPerCall);

    private sealed class Meter
    {
        private readonly long _start = Stopwatch.GetTimestamp();
        private readonly long _bytes = GC.GetTotalAllocatedBytes(precise: true);

        public Result Stop(long[] times)
        {
            var elapsed = Stopwatch.GetElapsedTime(_start);
            var bytes = GC.GetTotalAllocatedBytes(precise: true) - _bytes;
            Array.Sort(times);
            return new Result(
                times.Length / elapsed.TotalSeconds,
                Microseconds(times[times.Length / 2]),
                Microseconds(times[times.Length * 99 / 100]),
                (double)bytes / times.Length);
        }

        private static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;
    }
}
