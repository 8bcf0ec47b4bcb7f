/** What a client would like to be answered, read from its Accept header. */
export type Accept = {
  /** JSON is among what it can read: this server writes nothing else. */
  takesJson: boolean;
  /** Tables of cells instead of objects, as `kubectl get` prints them. */
  wantsTable: boolean;
  /** Objects without spec and status. */
  wantsMetadataOnly: boolean;
  /** Discovery of all groups in one answer, in the version that we speak (v2; older clients ask for v2beta1 only). */
  wantsAggregatedDiscovery: boolean;
};

/** Reads "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" and the like; the first form that we know counts. */
export function readAccept(header: string | undefined): Accept {
  const accept: Accept = {
    takesJson: header === undefined || header.trim() === "" || JSON_AMONG.test(header),
    wantsTable: false,
    wantsMetadataOnly: false,
    wantsAggregatedDiscovery: false,
  };
  for (const option of (header ?? "").split(",")) {
    const parameters = new Map(
      option
        .split(";")
        .slice(1)
        .map((parameter) => {
          const [name = "", value = ""] = parameter.split("=");
          return [name.trim(), value.trim()];
        }),
    );
    if (!option.trim().startsWith("application/json") && !option.trim().startsWith("*/*")) continue;
    const form = `${parameters.get("g") ?? ""}/${parameters.get("v") ?? ""} ${parameters.get("as") ?? ""}`;
    if (form === "apidiscovery.k8s.io/v2 APIGroupDiscoveryList") accept.wantsAggregatedDiscovery = true;
    else if (form === "meta.k8s.io/v1 Table") accept.wantsTable = true;
    else if (form.startsWith("meta.k8s.io/v1 PartialObjectMetadata")) accept.wantsMetadataOnly = true;
    else if (form === "/ ") return accept;
    else continue;
    return accept;
  }
  return accept;
}

const JSON_AMONG = /(^|,)\s*(application\/json|application\/\*|\*\/\*)\s*([;,]|$)/;
