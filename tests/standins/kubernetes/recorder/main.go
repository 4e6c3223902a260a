// Command recorder writes what the stand-in cannot know without the libraries inside the plugin.
//
//	go run . types  > ../types.json                 the fields of the managed kinds
//	go run . golden < ../../golden/kubernetes.json   the recorded cases, their results anew
//
// The versions in go.mod are those of pulumi-kubernetes 4.29.0.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	jsonpatch "github.com/evanphx/json-patch"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/util/jsonpath"
)

var kinds = map[string]any{
	"v1/Namespace":                       corev1.Namespace{},
	"v1/ConfigMap":                       corev1.ConfigMap{},
	"v1/PersistentVolumeClaim":           corev1.PersistentVolumeClaim{},
	"v1/Pod":                             corev1.Pod{},
	"v1/ServiceAccount":                  corev1.ServiceAccount{},
	"batch/v1/Job":                       batchv1.Job{},
	"networking.k8s.io/v1/NetworkPolicy": networkingv1.NetworkPolicy{},
}

// Types that write themselves: their name in types.json.
var scalars = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):  "quantity",
	reflect.TypeOf(intstr.IntOrString{}): "intOrString",
	reflect.TypeOf(metav1.Time{}):        "time",
	reflect.TypeOf(metav1.MicroTime{}):   "time",
	reflect.TypeOf(metav1.FieldsV1{}):    "any",
	reflect.TypeOf([]byte{}):             "bytes",
}

func main() {
	if len(os.Args) != 2 {
		exit(fmt.Errorf("usage: recorder types|golden"))
	}
	switch os.Args[1] {
	case "types":
		write(describeKinds())
	case "golden":
		input, err := io.ReadAll(os.Stdin)
		exit(err)
		cases := map[string][]map[string]any{}
		exit(json.Unmarshal(input, &cases))
		for name, record := range recorders {
			for _, one := range cases[name] {
				one["result"] = record(one)
			}
		}
		write(cases)
	default:
		exit(fmt.Errorf("unknown command %q", os.Args[1]))
	}
}

// describeKinds gives each struct's fields as "[?]type": "?" marks a field that is left out when it
// holds its zero value, "[]x" a list and "{}x" a map of x.
func describeKinds() map[string]any {
	structs := map[string]map[string]string{}
	roots := map[string]string{}
	for name, value := range kinds {
		roots[name] = describe(reflect.TypeOf(value), structs)
	}
	return map[string]any{"kinds": roots, "structs": structs}
}

func describe(t reflect.Type, structs map[string]map[string]string) string {
	if name, known := scalars[t]; known {
		return name
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem(), structs)
	case reflect.Slice:
		return "[]" + describe(t.Elem(), structs)
	case reflect.Map:
		return "{}" + describe(t.Elem(), structs)
	case reflect.Struct:
		if _, seen := structs[t.Name()]; !seen {
			structs[t.Name()] = map[string]string{}
			addFields(t, structs[t.Name()], structs)
		}
		return t.Name()
	case reflect.String, reflect.Bool:
		return t.Kind().String()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	}
	panic("no name for " + t.String())
}

func addFields(t reflect.Type, fields map[string]string, structs map[string]map[string]string) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" { // inlined
			addFields(field.Type, fields, structs)
			continue
		}
		mark := ""
		kind := field.Type.Kind()
		if strings.Contains(options, "omitempty") && kind != reflect.Pointer && kind != reflect.Struct {
			mark = "?"
		}
		fields[name] = mark + describe(field.Type, structs)
	}
}

var recorders = map[string]func(map[string]any) any{
	"typed":       typed,
	"mergePatch":  mergePatch,
	"threeWay":    threeWay,
	"pathMatches": pathMatches,
}

// typed turns an object into its Go type and back.
func typed(one map[string]any) any {
	object := one["object"].(map[string]any)
	name := fmt.Sprintf("%v/%v", object["apiVersion"], object["kind"])
	value := reflect.New(reflect.TypeOf(kinds[name])).Interface()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, value); err != nil {
		return object
	}
	back, err := runtime.DefaultUnstructuredConverter.ToUnstructured(value)
	exit(err)
	return back
}

func mergePatch(one map[string]any) any {
	patch, err := jsonpatch.CreateMergePatch(bytes(one["old"]), bytes(one["new"]))
	exit(err)
	return json.RawMessage(patch)
}

func threeWay(one map[string]any) any {
	patch, err := strategicpatch.CreateThreeWayMergePatch(
		bytes(one["original"]), bytes(one["modified"]), bytes(one["current"]), noSchema{}, true)
	exit(err)
	return json.RawMessage(patch)
}

func pathMatches(one map[string]any) any {
	path := jsonpath.New("")
	exit(path.Parse("{" + one["path"].(string) + "}"))
	err := path.Execute(io.Discard, one["value"])
	return err == nil || !strings.Contains(err.Error(), "not found")
}

// noSchema has every list replaced as a whole.
type noSchema struct{}

func (noSchema) LookupPatchMetadataForStruct(string) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	return noSchema{}, strategicpatch.PatchMeta{}, nil
}

func (noSchema) LookupPatchMetadataForSlice(string) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	return noSchema{}, strategicpatch.PatchMeta{}, nil
}

func (noSchema) Name() string { return "" }

func bytes(value any) []byte {
	encoded, err := json.Marshal(value)
	exit(err)
	return encoded
}

func write(value any) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	exit(encoder.Encode(value))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "recorder:", err)
		os.Exit(1)
	}
}
