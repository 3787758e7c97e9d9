using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Kata.Platform.Protos.Agent;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>An answer, or a refusal.</summary>
internal sealed record Answer(AgentCall Call, IMessage? Message, Status Status)
{
    public override string ToString() =>
        $"{Call.Method} {Call.Message}: {(Message is null ? $"{Status.StatusCode} {Status.Detail}" : Message.ToString())}";
}

/// <summary>
/// Sends calls in their order. Those that wait for something in the guest stay under way while the next are sent.
/// </summary>
internal sealed class Player(CallInvoker agent)
{
    private static readonly string[] Waiting = ["ReadStdout", "ReadStderr", "WaitProcess", "GetOOMEvent"];
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly List<Task<Answer>> _answers = [];

    /// <summary>Sends one; waits for its answer unless it is one that waits itself.</summary>
    public async Task<Answer?> SendAsync(AgentCall call)
    {
        await Task.WhenAll(call.After.Select(number => _answers[number]));
        var answer = AnswerAsync(call);
        _answers.Add(answer);
        return Waiting.Contains(call.Method) ? null : await answer;
    }

    /// <summary>Every answer, in the order of the calls.</summary>
    public async Task<IReadOnlyList<Answer>> AnswersAsync() => await Task.WhenAll(_answers);

    private static Method<IMessage, IMessage> MethodOf(string name)
    {
        var method = AgentReflection.Descriptor.Services.Concat(HealthReflection.Descriptor.Services)
            .SelectMany(service => service.Methods).First(m => m.Name == name);
        return new Method<IMessage, IMessage>(
            MethodType.Unary, method.Service.FullName, name, Marshal(method.InputType), Marshal(method.OutputType));
    }

    private static Marshaller<IMessage> Marshal(MessageDescriptor type) =>
        Marshallers.Create(message => message.ToByteArray(), bytes => type.Parser.ParseFrom(bytes));

    private async Task<Answer> AnswerAsync(AgentCall call)
    {
        try
        {
            var answer = await agent.AsyncUnaryCall(MethodOf(call.Method), null, default, call.Message)
                .ResponseAsync.WaitAsync(Limit);
            return new Answer(call, answer, Status.DefaultSuccess);
        }
        catch (RpcException e)
        {
            return new Answer(call, null, e.Status);
        }
    }
}
