//go:build tools

// Keeps Helm in go.mod, which is all that pins it.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
