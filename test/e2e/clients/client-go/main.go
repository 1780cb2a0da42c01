// client-go: each step prints what it saw, a line of JSON each.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

const namespace = "dev"

// The watch says nothing for so long, and goes on then.
const quiet = time.Minute

var (
	ctx    = context.Background()
	config *rest.Config
	client *kubernetes.Clientset
)

func must[Value any](value Value, err error) Value {
	if err != nil {
		panic(err)
	}
	return value
}

func say(step string, saw any) {
	fmt.Println(string(must(json.Marshal(map[string]any{step: saw}))))
}

func waitForGo(what string) {
	say("waits", what)
	must(bufio.NewReader(os.Stdin).ReadString('\n'))
}

func list(options meta.ListOptions) ([]string, string) {
	pods := must(client.CoreV1().Pods(namespace).List(ctx, options))
	names := []string{}
	for _, pod := range pods.Items {
		names = append(names, pod.Name)
	}
	return names, pods.Continue
}

func paged() []string {
	seen, token := list(meta.ListOptions{Limit: 1})
	for token != "" {
		var page []string
		page, token = list(meta.ListOptions{Limit: 1, Continue: token})
		seen = append(seen, page...)
	}
	return seen
}

// watched gives every event of one object, while it is made, applied, patched after a minute, and deleted.
func watched() [][]string {
	maps := client.CoreV1().ConfigMaps(namespace)
	since := must(maps.List(ctx, meta.ListOptions{})).ResourceVersion
	events := must(maps.Watch(ctx, meta.ListOptions{ResourceVersion: since}))
	defer events.Stop()
	made := &core.ConfigMap{
		ObjectMeta: meta.ObjectMeta{Name: "made"},
		Data:       map[string]string{"owner": "ada@example.com", "colour": "red"},
	}
	must(maps.Create(ctx, made, meta.CreateOptions{}))
	applied := apply.ConfigMap("made", namespace).WithData(map[string]string{"colour": "green"})
	must(maps.Apply(ctx, applied, meta.ApplyOptions{FieldManager: "client-go", Force: true}))
	time.Sleep(quiet)
	patch := []byte(`{"data":{"colour":"yellow"}}`)
	must(maps.Patch(ctx, "made", types.MergePatchType, patch, meta.PatchOptions{}))
	if err := maps.Delete(ctx, "made", meta.DeleteOptions{}); err != nil {
		panic(err)
	}
	seen := [][]string{}
	for event := range events.ResultChan() {
		object, known := event.Object.(*core.ConfigMap)
		if !known {
			panic(fmt.Sprintf("the watch ended with %v", event))
		}
		seen = append(seen, []string{string(event.Type), object.Data["owner"], object.Data["colour"]})
		if event.Type == "DELETED" {
			return seen
		}
	}
	panic("the watch ended")
}

func refused() []any {
	_, err := client.CoreV1().Secrets("kube-system").List(ctx, meta.ListOptions{})
	var status *apierrors.StatusError
	if !errors.As(err, &status) {
		panic(fmt.Sprintf("it was not refused: %v", err))
	}
	return []any{status.ErrStatus.Code, string(status.ErrStatus.Reason)}
}

// execute gives what the command has written, and the error by which it ended.
func execute(input io.Reader, command ...string) ([]byte, error) {
	options := &core.PodExecOptions{Command: command, Stdin: input != nil, Stdout: true, Stderr: true}
	url := client.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name("web-0").
		SubResource("exec").VersionedParams(options, scheme.ParameterCodec).URL()
	executor := must(remotecommand.NewWebSocketExecutor(config, "GET", url.String()))
	var output bytes.Buffer
	err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: input, Stdout: &output, Stderr: io.Discard})
	return output.Bytes(), err
}

func executed(command ...string) []any {
	output, err := execute(nil, command...)
	return []any{string(output), statusOf(err)}
}

func statusOf(err error) int {
	var exit exec.CodeExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	if err != nil {
		panic(err)
	}
	return 0
}

func execRefused() string {
	_, err := execute(nil, "rm", "-rf", "data")
	if err == nil {
		panic("it was not refused")
	}
	return err.Error()
}

// copied takes a file into the pod and back, by tar at both ends, as `kubectl cp` does.
func copied(folder string) []any {
	content := bytes.Repeat([]byte("all bytes: \x00\xff\n"), 100_000)
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	header := &tar.Header{Name: "copied", Mode: 0o600, Size: int64(len(content))}
	if err := writer.WriteHeader(header); err != nil {
		panic(err)
	}
	must(writer.Write(content))
	if err := writer.Close(); err != nil {
		panic(err)
	}
	_, err := execute(&packed, "tar", "xmf", "-", "-C", folder)
	status := statusOf(err)
	back, err := execute(nil, "tar", "cf", "-", "-C", folder, "copied")
	reader := tar.NewReader(bytes.NewReader(back))
	must(reader.Next())
	same := bytes.Equal(must(io.ReadAll(reader)), content)
	return []any{status, statusOf(err), same}
}

// logged follows the log until it has seen what is yet to be written.
func logged() []string {
	stream := must(client.CoreV1().Pods(namespace).GetLogs("web-0", &core.PodLogOptions{Follow: true}).Stream(ctx))
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	seen := []string{}
	for len(seen) < 2 && lines.Scan() {
		seen = append(seen, lines.Text())
	}
	return seen
}

func main() {
	config = must(clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")))
	client = must(kubernetes.NewForConfig(config))
	secret := must(client.CoreV1().Secrets(namespace).Get(ctx, "db", meta.GetOptions{}))
	// The library has decoded the base64.
	say("get", string(secret.Data["password"]))
	pods, _ := list(meta.ListOptions{LabelSelector: "app=web"})
	say("list", pods)
	say("paged", paged())
	say("logged", logged())
	say("watched", watched())
	say("refused", refused())
	say("executed", executed("seq", "3"))
	say("failed", executed("test", "-e", "/nowhere")[1])
	say("execRefused", execRefused())
	typed, _ := execute(bytes.NewBufferString("a line\n"), "head", "-n", "1")
	say("typed", string(typed))
	say("copied", copied(os.Args[1]))
	waitForGo("delete")
	if err := client.CoreV1().Pods(namespace).Delete(ctx, "web-1", meta.DeleteOptions{}); err != nil {
		panic(err)
	}
	say("deleted", "web-1")
}
