using System.Buffers;
using Grpc.Core;

namespace Kata.Tests.Unit.Ttrpc;

/// <summary>A message that is only bytes; those starting with 0xff do not parse.</summary>
internal sealed record Note(byte[] Bytes)
{
    public Note(string text)
        : this(System.Text.Encoding.UTF8.GetBytes(text))
    {
    }

    public string Text => System.Text.Encoding.UTF8.GetString(Bytes);

    public static Marshaller<Note> Marshaller { get; } = Marshallers.Create<Note>(
        static (note, context) =>
        {
            context.SetPayloadLength(note.Bytes.Length);
            context.GetBufferWriter().Write(note.Bytes);
            context.Complete();
        },
        static context => context.PayloadLength > 0 && context.PayloadAsReadOnlySequence().FirstSpan[0] == 0xff
            ? throw new FormatException("bad note")
            : new Note(context.PayloadAsReadOnlySequence().ToArray()));
}

/// <summary>A service with one method of each kind; a test sets what it needs.</summary>
internal sealed class NoteService
{
    public const string Name = "test.Notes";

    public static readonly Method<Note, Note> Unary = new(
        MethodType.Unary, Name, "Unary", Note.Marshaller, Note.Marshaller);
    public static readonly Method<Note, Note> Up = new(
        MethodType.ClientStreaming, Name, "Up", Note.Marshaller, Note.Marshaller);
    public static readonly Method<Note, Note> Down = new(
        MethodType.ServerStreaming, Name, "Down", Note.Marshaller, Note.Marshaller);
    public static readonly Method<Note, Note> Both = new(
        MethodType.DuplexStreaming, Name, "Both", Note.Marshaller, Note.Marshaller);

    public UnaryServerMethod<Note, Note> OnUnary { get; set; } = (note, _) => Task.FromResult(note);

    public ClientStreamingServerMethod<Note, Note> OnUp { get; set; } = async (notes, _) =>
    {
        var all = new List<byte>();
        while (await notes.MoveNext(CancellationToken.None))
            all.AddRange(notes.Current.Bytes);
        return new Note([.. all]);
    };

    public ServerStreamingServerMethod<Note, Note> OnDown { get; set; } = async (note, writer, _) =>
    {
        foreach (var b in note.Bytes)
            await writer.WriteAsync(new Note([b]));
    };

    public DuplexStreamingServerMethod<Note, Note> OnBoth { get; set; } = async (notes, writer, _) =>
    {
        while (await notes.MoveNext(CancellationToken.None))
            await writer.WriteAsync(notes.Current);
    };

    public void Bind(ServiceBinderBase binder)
    {
        binder.AddMethod(Unary, (note, context) => OnUnary(note, context));
        binder.AddMethod(Up, (notes, context) => OnUp(notes, context));
        binder.AddMethod(Down, (note, writer, context) => OnDown(note, writer, context));
        binder.AddMethod(Both, (notes, writer, context) => OnBoth(notes, writer, context));
    }
}
