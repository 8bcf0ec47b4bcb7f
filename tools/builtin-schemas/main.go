// Command builtin-schemas writes the facts about Kubernetes' built-in kinds that the simulated API server needs: field
// names, types, protobuf numbers, merge keys of patches, list keys of server-side apply. Run by hand, see README.md.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"sort"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// served are the group versions whose kinds are written; lists and option types are left out.
var served = map[string]bool{
	"v1": true, "apps/v1": true, "batch/v1": true, "autoscaling/v1": true, "autoscaling/v2": true, "policy/v1": true,
	"rbac.authorization.k8s.io/v1": true, "storage.k8s.io/v1": true, "scheduling.k8s.io/v1": true,
	"coordination.k8s.io/v1": true, "networking.k8s.io/v1": true, "admissionregistration.k8s.io/v1": true,
	"apiextensions.k8s.io/v1": true, "certificates.k8s.io/v1": true, "discovery.k8s.io/v1": true,
	"events.k8s.io/v1": true, "node.k8s.io/v1": true, "authentication.k8s.io/v1": true,
	"authorization.k8s.io/v1": true, "flowcontrol.apiserver.k8s.io/v1": true, "resource.k8s.io/v1": true,
	"metrics.k8s.io/v1beta1": true,
}

// leaves are Go types with a JSON form of their own.
var leaves = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "intOrString",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "microTime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "fieldsV1",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "any",
	"k8s.io/api/authentication/v1.ExtraValue":                                               "extraValue",
	"k8s.io/api/authorization/v1.ExtraValue":                                                "extraValue",
	"k8s.io/api/certificates/v1.ExtraValue":                                                 "extraValue",
}

// A type's fields are texts: "NUMBER TYPE FLAG...", so that the table stays small; see schema-table.ts for the reader.
type typeEntry struct {
	Atomic bool              `json:"atomic,omitempty"`
	Fields map[string]string `json:"fields"`
}
type table struct {
	Origin string               `json:"origin"`
	Kinds  map[string]string    `json:"kinds"`
	Types  map[string]typeEntry `json:"types"`
}

var types = map[string]typeEntry{}

func main() {
	must(apiextensions.AddToScheme(scheme.Scheme))
	must(metrics.AddToScheme(scheme.Scheme))
	kinds := map[string]string{}
	for gvk, goType := range scheme.Scheme.AllKnownTypes() {
		apiVersion, kind := gvk.ToAPIVersionAndKind()
		if !served[apiVersion] || isPlumbing(gvk.Kind, goType) {
			continue
		}
		kinds[apiVersion+" "+kind] = nameOf(goType)
		visit(goType)
	}
	for _, option := range []any{metav1.DeleteOptions{}, metav1.Status{}} {
		goType := reflect.TypeOf(option)
		kinds["v1 "+goType.Name()] = nameOf(goType)
		visit(goType)
	}
	write(table{Origin: origin(), Kinds: kinds, Types: types})
}

func isPlumbing(kind string, goType reflect.Type) bool {
	_, hasItems := goType.FieldByName("Items")
	return (hasItems && strings.HasSuffix(kind, "List")) || strings.HasSuffix(kind, "Options") || kind == "WatchEvent" ||
		goType.PkgPath() == "k8s.io/apimachinery/pkg/apis/meta/v1"
}

func visit(goType reflect.Type) {
	name := nameOf(goType)
	if _, known := types[name]; known {
		return
	}
	entry := typeEntry{Fields: map[string]string{}}
	types[name] = entry
	doc := docsOf(goType.PkgPath())[goType.Name()]
	for i := range goType.NumField() {
		field := goType.Field(i)
		tag, hasTag := field.Tag.Lookup("json")
		if !hasTag && !field.Anonymous {
			continue
		}
		parts := strings.Split(tag, ",")
		jsonName := parts[0]
		isInline := contains(parts, "inline") || (field.Anonymous && jsonName == "")
		if jsonName == "-" {
			continue
		}
		if isInline {
			jsonName = "+" + field.Name
		}
		entry.Fields[jsonName] = strings.Join(append([]string{protoNumber(field), typeText(field.Type)},
			flagsOf(field, doc.fields[field.Name], contains(parts, "omitempty") || contains(parts, "omitzero"))...), " ")
	}
	entry.Atomic = doc.markers["structType"] == "atomic"
	types[name] = entry
}

func protoNumber(field reflect.StructField) string {
	parts := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return "0"
	}
	return parts[1]
}

func flagsOf(field reflect.StructField, doc markers, isOmittable bool) []string {
	flags := []string{}
	add := func(name, value string) {
		if value != "" {
			flags = append(flags, name+"="+value)
		}
	}
	_, isOptional := doc["optional"]
	if !isOptional && !isOmittable && field.Type.Kind() != reflect.Pointer && !strings.HasSuffix(field.Name, "ObjectMeta") {
		flags = append(flags, "required")
	}
	add("list", doc["listType"])
	add("keys", doc["listMapKey"])
	add("map", doc["mapType"])
	add("struct", doc["structType"])
	add("default", strings.Trim(doc["default"], `"`))
	add("strategy", field.Tag.Get("patchStrategy"))
	add("mergeKey", field.Tag.Get("patchMergeKey"))
	return flags
}

func typeText(goType reflect.Type) string {
	if goType.Kind() == reflect.Pointer {
		return "*" + typeText(goType.Elem())
	}
	if leaf, ok := leaves[goType.PkgPath()+"."+goType.Name()]; ok {
		return leaf
	}
	switch goType.Kind() {
	case reflect.Slice:
		if goType.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + typeText(goType.Elem())
	case reflect.Map:
		return "{}" + typeText(goType.Elem())
	case reflect.Struct:
		visit(goType)
		return nameOf(goType)
	case reflect.Interface:
		return "any"
	default:
		return goType.Kind().String()
	}
}

// nameOf shortens "k8s.io/api/core/v1.Pod" to "core.v1.Pod"; the OpenAPI name follows from it.
func nameOf(goType reflect.Type) string {
	path := goType.PkgPath()
	for _, prefix := range []string{"k8s.io/apimachinery/pkg/apis/", "k8s.io/apiextensions-apiserver/pkg/apis/", "k8s.io/metrics/pkg/apis/", "k8s.io/api/", "k8s.io/apimachinery/pkg/"} {
		path = strings.TrimPrefix(path, prefix)
	}
	return strings.ReplaceAll(path, "/", ".") + "." + goType.Name()
}

type markers map[string]string
type typeDoc struct {
	markers markers
	fields  map[string]markers
}

var docs = map[string]map[string]typeDoc{}
var marker = regexp.MustCompile(`(?m)^\s*\+(?:k8s:)?(listType|listMapKey|mapType|structType|default|optional)(?:=(.*))?$`)

// docsOf reads the marker comments of a package's source: facts that reflection does not show.
func docsOf(path string) map[string]typeDoc {
	if known, ok := docs[path]; ok {
		return known
	}
	found := map[string]typeDoc{}
	docs[path] = found
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
	must(err)
	packages, err := parser.ParseDir(token.NewFileSet(), strings.TrimSpace(string(dir)), nil, parser.ParseComments)
	must(err)
	for _, pkg := range packages {
		ast.Inspect(pkg, func(node ast.Node) bool {
			declaration, ok := node.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, spec := range declaration.Specs {
				if typeSpec, ok := spec.(*ast.TypeSpec); ok {
					if structType, ok := typeSpec.Type.(*ast.StructType); ok {
						found[typeSpec.Name.Name] = typeDoc{markers: markersOf(declaration.Doc), fields: fieldDocs(structType)}
					}
				}
			}
			return false
		})
	}
	return found
}

func fieldDocs(structType *ast.StructType) map[string]markers {
	fields := map[string]markers{}
	for _, field := range structType.Fields.List {
		for _, name := range field.Names {
			fields[name.Name] = markersOf(field.Doc)
		}
	}
	return fields
}

func markersOf(group *ast.CommentGroup) markers {
	found := markers{}
	if group == nil {
		return found
	}
	for _, match := range marker.FindAllStringSubmatch(group.Text(), -1) {
		if before, ok := found[match[1]]; ok && match[1] == "listMapKey" {
			found[match[1]] = before + "," + match[2]
			continue
		}
		found[match[1]] = strings.TrimSpace(match[2])
	}
	return found
}

func origin() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "k8s.io/api", "k8s.io/apimachinery",
		"k8s.io/apiextensions-apiserver", "k8s.io/metrics").Output()
	must(err)
	return "Apache-2.0 facts from " + strings.Join(strings.Split(strings.TrimSpace(string(out)), "\n"), ", ")
}

// write prints one type per line: a change of Kubernetes' version is then a readable difference.
func write(all table) {
	fmt.Printf("{\n\"origin\": %s,\n\"kinds\": %s,\n\"types\": {\n", text(all.Origin), text(all.Kinds))
	names := make([]string, 0, len(all.Types))
	for name := range all.Types {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Printf("%s: %s%s\n", text(name), text(all.Types[name]), comma)
	}
	fmt.Print("}\n}\n")
}

func text(value any) string {
	encoder := &strings.Builder{}
	e := json.NewEncoder(encoder)
	e.SetEscapeHTML(false)
	must(e.Encode(value))
	return strings.TrimSpace(encoder.String())
}

func contains(list []string, wanted string) bool {
	for _, item := range list {
		if item == wanted {
			return true
		}
	}
	return false
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
