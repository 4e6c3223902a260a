// Command pulumi-language-python runs policy packs, and leaves all else to the language host that
// lies in the folder `host` beside it.
//
// That host is older than the way in which today's engine starts a pack: by RunPlugin, with the
// pack's folder in `info`. The official host of the CLI's own version needs no help.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const name = "pulumi-language-python"

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func serve(arguments []string) error {
	host, port, err := start(arguments)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(
		"127.0.0.1:"+port,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		rpcutil.GrpcChannelOptions(),
	)
	if err != nil {
		return err
	}
	answer := func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		if method == pulumirpc.LanguageRuntime_RunPlugin_FullMethodName {
			return runPack(stream)
		}
		return forward(connection, method, stream)
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		// No service of our own: every call is one that the server does not know.
		Init:    func(*grpc.Server) error { return nil },
		Options: []grpc.ServerOption{grpc.UnknownServiceHandler(answer)},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	// The engine ends both of us by a signal; that is no error.
	var ended *exec.ExitError
	if err := host.Wait(); err != nil && !errors.As(err, &ended) {
		return err
	}
	return nil
}

// start runs the host, whose first line is its port.
func start(arguments []string) (*exec.Cmd, string, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	host := exec.Command(filepath.Join(filepath.Dir(own), "host", name), arguments...)
	host.Stderr = os.Stderr
	// Nothing is left behind when the engine kills us.
	host.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	output, err := host.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := host.Start(); err != nil {
		return nil, "", err
	}
	lines := bufio.NewReader(output)
	port, err := lines.ReadString('\n')
	if err != nil {
		return nil, "", fmt.Errorf("%s told no port: %w", host.Path, err)
	}
	go func() { _, _ = io.Copy(os.Stdout, lines) }()
	return host, strings.TrimSpace(port), nil
}

// forward hands a call on, and its answers back, as they are: in an empty message every field is
// an unknown one, and kept.
func forward(host *grpc.ClientConn, method string, stream grpc.ServerStream) error {
	call, err := host.NewStream(stream.Context(), &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return err
	}
	request := new(emptypb.Empty)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	if err := call.SendMsg(request); err != nil {
		return err
	}
	if err := call.CloseSend(); err != nil {
		return err
	}
	for {
		answer := new(emptypb.Empty)
		if err := call.RecvMsg(answer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(answer); err != nil {
			return err
		}
	}
}

// runPack runs a policy pack to its end, and passes on what it prints: its port first.
func runPack(stream grpc.ServerStream) error {
	request := new(pulumirpc.RunPluginRequest)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	if request.Kind != "analyzer" {
		return status.Errorf(codes.Unimplemented, "only policy packs run here, not a %q", request.Kind)
	}
	engine := &grpc.GenericServerStream[pulumirpc.RunPluginRequest, pulumirpc.RunPluginResponse]{
		ServerStream: stream,
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(engine, false)
	if err != nil {
		return err
	}
	pack := packCommand(stream.Context(), request)
	pack.Stdout, pack.Stderr = stdout, stderr
	failure := pack.Run()
	if err := closer.Close(); err != nil {
		return err
	}
	if pack.ProcessState == nil {
		return failure
	}
	return engine.Send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{
			Exitcode: int32(pack.ProcessState.ExitCode()),
		},
	})
}

// packCommand is the SDK's own program for packs, in the virtual environment that PulumiPolicy.yaml
// names.
func packCommand(ctx context.Context, request *pulumirpc.RunPluginRequest) *exec.Cmd {
	info := request.Info
	python := "python3"
	if venv := info.Options.GetFields()["virtualenv"].GetStringValue(); venv != "" {
		if !filepath.IsAbs(venv) {
			venv = filepath.Join(info.RootDirectory, venv)
		}
		python = filepath.Join(venv, "bin", "python")
	}
	arguments := append([]string{"-u", "-m", "pulumi.policy"}, request.Args...)
	pack := exec.CommandContext(ctx, python, append(arguments, info.ProgramDirectory)...)
	pack.Dir = info.ProgramDirectory
	pack.Env = request.Env
	// The end of the call is the end of the pack, which closes its server first.
	pack.Cancel = func() error { return pack.Process.Signal(os.Interrupt) }
	pack.WaitDelay = 5 * time.Second
	return pack
}
