using FluentAssertions;
using FluentValidation;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Adapters.Guest;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Adapters.Shimv2.Events;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Adapters.Vsock;
using Kata.Core.Application;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;
using ISender = Kata.Core.Application.Messaging.ISender;

namespace Kata.Tests.Architecture;

/// <summary>Nothing is asked that nobody answers, nothing told that nobody hears.</summary>
public sealed class CompositionTests
{
    private static readonly ContainerId Box = ContainerId.Parse("box");
    private static readonly ProcessRef Init = new(Box);
    private static readonly ProcessRef Exec = ProcessRef.Parse("box", "e");
    private static readonly SandboxId Pod = SandboxId.Parse("pod");
    private static readonly ExitStatus Exit = new(0, DateTimeOffset.UnixEpoch);

    // The container manager knows of sandboxes by their containers, and of a deleted exec by the answer.
    private static readonly System.Type[] Silent =
        [typeof(ExecDeleted), typeof(SandboxStopped), typeof(SandboxLost), typeof(SandboxBroken)];

    private static readonly IDomainEvent[] Facts =
    [
        new ContainerCreated(Box, HostPath.Parse("/b", "b"), [], Core.Domain.Containers.Stdio.None, 1),
        new ContainerStarted(Box, 1),
        new ContainerPaused(Box), new ContainerResumed(Box), new ContainerOutOfMemory(Box),
        new ContainerDeleted(Box, 1, Exit),
        new ExecAdded(Exec), new ExecStarted(Exec, 1), new ExecDeleted(Exec), new ProcessExited(Init, 1, Exit),
        new SandboxStarted(Pod), new SandboxStopped(Pod), new SandboxLost(Pod), new SandboxBroken(Pod),
    ];

    private readonly IServiceCollection _application = new ServiceCollection().AddApplication();

    [Fact]
    public void Requests_have_one_handler_each()
    {
        var requests = Assemblies.Application.GetTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false } && ReplyOf(type) is not null).ToList();

        var all = new ServiceCollection().AddApplication().AddAdministration();

        requests.Should().HaveCountGreaterThan(15);
        foreach (var request in requests)
        {
            var handler = typeof(IRequestHandler<,>).MakeGenericType(request, ReplyOf(request)!);
            all.Count(service => service.ServiceType == handler).Should().Be(1, $"of {request.Name}");
            var behavior = typeof(IPipelineBehavior<,>).MakeGenericType(request, ReplyOf(request)!);
            var line = typeof(RequestBehavior<,>).MakeGenericType(request, ReplyOf(request)!);
            var rules = all.Count(service => service.ServiceType == typeof(IValidator<>).MakeGenericType(request));
            // The first is the outermost: its line tells of what the rules refuse.
            all.First(service => service.ServiceType == behavior).ImplementationType.Should().Be(line);
            all.Count(service => service.ServiceType == behavior).Should().Be(1 + rules, $"of {request.Name}");
        }
    }

    [Fact]
    public void Handlers_and_requests_live_in_the_file_of_their_name()
    {
        foreach (var request in Assemblies.Application.GetTypes().Where(type => type is { IsClass: true, IsAbstract: false } && ReplyOf(type) is not null))
        {
            Repository.Files("Core.Application", $"/{request.Name}.cs").Should().ContainSingle($"of {request.Name}");
            Assemblies.Application.GetTypes()
                .Should().Contain(type => type.Name == $"{request.Name}Handler" && type.IsSealed && type.IsNotPublic);
        }
    }

    [Fact]
    public void Facts_have_a_consumer_or_are_silent_on_purpose()
    {
        var kinds = Assemblies.Domain.GetTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IDomainEvent)));
        Facts.Select(fact => fact.GetType()).Should().BeEquivalentTo(kinds);

        foreach (var fact in Facts)
        {
            var reaction = typeof(INotificationHandler<>).MakeGenericType(fact.GetType());
            var isHeard = TaskEventMapping.ToEvent(fact) is not null
                || _application.Any(service => service.ServiceType == reaction);
            isHeard.Should().Be(!Silent.Contains(fact.GetType()), $"of {fact.GetType().Name}");
        }
    }

    [Fact]
    public async System.Threading.Tasks.Task Methods_of_the_task_service_reach_a_request_or_are_unimplemented()
    {
        var service = Platform.Protos.Containerd.TaskV2.Task.Descriptor;
        var reached = new Dictionary<string, string>();
        foreach (var method in service.Methods)
        {
            var sender = new Recorder();
            var tasks = ActivatorUtilities.CreateInstance<TaskService>(new ServiceCollection()
                .AddLogging()
                .AddSingleton<ISender>(sender)
                .AddSingleton(new ShimEnvironment("k8s.io", ""))
                .AddSingleton(TimeProvider.System)
                .AddSingleton<CrioCompatibility>()
                .BuildServiceProvider());
            var call = typeof(TaskService).GetMethod(method.Name) ?? throw new InvalidOperationException(method.Name);
            try
            {
                await (System.Threading.Tasks.Task)call.Invoke(
                    tasks, System.Reflection.BindingFlags.DoNotWrapExceptions, null,
                    [Sample(method.InputType.ClrType), new Context()], null)!;
            }
            catch (Asked)
            {
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
            {
                sender.Last = "Unimplemented";
            }
            catch (KataException e) when (e.Kind == ErrorKind.Unimplemented)
            {
                sender.Last = "Unimplemented";
            }

            reached[method.Name] = sender.Last;
        }

        reached.Should().Equal(new Dictionary<string, string>
        {
            ["State"] = "GetProcessState",
            ["Create"] = "CreateContainer",
            ["Start"] = "StartProcess",
            ["Delete"] = "DeleteProcess",
            ["Pids"] = "ListProcesses",
            ["Pause"] = "PauseContainer",
            ["Resume"] = "ResumeContainer",
            ["Checkpoint"] = "Unimplemented",
            ["Kill"] = "SignalProcess",
            ["Exec"] = "AddExec",
            ["ResizePty"] = "ResizeTerminal",
            ["CloseIO"] = "CloseStdin",
            ["Update"] = "UpdateContainer",
            ["Wait"] = "WaitProcess",
            ["Stats"] = "GetContainerStats",
            ["Connect"] = "GetShimIdentity",
            ["Shutdown"] = "ShutDownShim",
        });
    }

    [Fact]
    public void Ports_have_an_implementation_in_the_real_composition()
    {
        var services = Compose();
        var ports = Assemblies.Application.GetTypes()
            .SelectMany(
                type =>
                    type.GetConstructors(
                        System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.Public
                            | System.Reflection.BindingFlags.NonPublic))
            .SelectMany(constructor => constructor.GetParameters())
            .Select(parameter => parameter.ParameterType)
            .Select(
                type =>
                    type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IEnumerable<>)
                        ? type.GetGenericArguments()[0]
                        : type)
            .Where(type => type is { IsInterface: true, Namespace: "Kata.Core.Application.Ports" } && IsService(type))
            .Distinct()
            .ToList();

        ports.Should().HaveCountGreaterThan(11);
        ports.Where(port => services.All(service => service.ServiceType != port)).Select(port => port.Name)
            .Should().BeEmpty();
        services.Count(service => service.ServiceType == typeof(ITaskEvents)).Should().Be(1);
    }

    [Fact]
    public void Composition_when_validated_can_make_every_service() =>
        FluentActions.Invoking(
            () => Compose().BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true })
                .Dispose()).Should().NotThrow();

    [Fact]
    public void Composition_here_is_the_shims()
    {
        var text = Repository.Read("Apps/Shim/ShimComposition.cs");

        foreach (var part in new[] { "AddApplication()", "AddShimv2()", "AddVsock()", "AddGuestResources()", "AddQemu()", "AddLogging(" })
            text.Should().Contain(part);
    }

    private static IServiceCollection Compose()
    {
        IServiceCollection services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(new ShimIdentity(Pod, new SandboxOwner("tests", "")));
        services.AddSingleton(new ShimEnvironment("tests", ""));
        services.AddSingleton(TimeProvider.System);
        services.AddApplication().AddShimv2().AddVsock().AddGuestResources();
        services.AddQemu();
        return services;
    }

    // A port that another port hands out is none that a composition registers.
    private static bool IsService(System.Type port) => port != typeof(IStdioPipes) && port != typeof(ISharedDirectory)
        && port != typeof(IGuestAgent) && port != typeof(IVirtualMachine) && port != typeof(IResourceLedger);

    private static System.Type? ReplyOf(System.Type type) => type.GetInterfaces()
        .FirstOrDefault(i => i.IsGenericType
            && i.GetGenericTypeDefinition() == typeof(IRequest<>))?.GetGenericArguments()[0];

    // A message with an id, and with what its method cannot do without.
    private static IMessage Sample(System.Type type)
    {
        var message = (IMessage)Activator.CreateInstance(type)!;
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            object? value = field.Name switch
            {
                "id" => "box",
                "bundle" => "/bundles/box",
                "signal" => 9u,
                "stdin" when field.FieldType == Google.Protobuf.Reflection.FieldType.Bool => true,
                "exec_id" when type.Name.StartsWith("Exec", StringComparison.Ordinal) => "e",
                "spec" =>
                    new Any
                    {
                        TypeUrl = "types.containerd.io/opencontainers/runtime-spec/1/Process",
                        Value = ByteString.CopyFromUtf8("{}")
                    },
                "resources" =>
                    new Any
                    {
                        TypeUrl = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources",
                        Value = ByteString.CopyFromUtf8("{}")
                    },
                _ => null,
            };
            if (value is not null)
                field.Accessor.SetValue(message, value);
        }

        return message;
    }

    private sealed class Asked : Exception;

    private sealed class Recorder : ISender
    {
        public string Last { get; set; } = "nothing";

        public Task<TReply> Send<TReply>(IRequest<TReply> request, CancellationToken ct = default)
        {
            Last = request.GetType().Name;
            throw new Asked();
        }
    }

    private sealed class Context : ServerCallContext
    {
        protected override string MethodCore => "";

        protected override string HostCore => "";

        protected override string PeerCore => "";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore => [];

        protected override CancellationToken CancellationTokenCore => default;

        protected override Metadata ResponseTrailersCore => [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore => new(null, []);

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            throw new NotSupportedException();

        protected override System.Threading.Tasks.Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) =>
            System.Threading.Tasks.Task.CompletedTask;
    }
}
