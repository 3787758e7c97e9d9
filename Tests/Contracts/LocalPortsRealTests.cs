using System.Net;
using System.Net.Sockets;
using System.Text;
using Kata.Adapters.Guest.Network;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What is dialled to localhost of a real network namespace. Needs root.</summary>
[Trait("category", "real")]
public sealed class LocalPortsRealTests : LocalPortsContract, IDisposable
{
    private readonly NetworkNamespaces _spaces = new();

    protected override ILocalPorts Port { get; } = new LocalPorts();

    protected override NetworkNamespacePath Namespace => new(HostPath.Parse(_spaces.PodPath, "namespace"));

    public void Dispose() => _spaces.Dispose();

    protected override IDialled Dial(int port, string text) => new Dialled(
        Namespaces.RunInNetworkNamespace(_spaces.PodPath, () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }), text);

    private sealed class Dialled : IDialled
    {
        private readonly NetworkStream _bytes;

        public Dialled(Socket socket, string text)
        {
            _bytes = new NetworkStream(socket, ownsSocket: true);
            _bytes.Write(Encoding.UTF8.GetBytes(text));
            socket.Shutdown(SocketShutdown.Send);
        }

        public Task<string> ReadToEndAsync() => new StreamReader(_bytes).ReadToEndAsync();

        public void Dispose() => _bytes.Dispose();
    }
}
