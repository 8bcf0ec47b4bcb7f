#!/usr/bin/env python3
"""Makes src/providers/ec2/data/ec2.json, the catalogue of EC2 instance types behind `--region`.

Run by hand, about once a quarter; see README.md beside this file. Hardware and zones come from the PyPI package moto
(recorded answers of DescribeInstanceTypes and DescribeInstanceTypeOfferings), on-demand prices from the Go module
github.com/cristim/ec2-instances-info, branch interfaces from github.com/aws/amazon-vpc-resource-controller-k8s. Facts
only are taken over; nothing is fetched from AWS.
"""
import argparse, gzip, importlib.metadata, importlib.util, json, os, re, statistics, subprocess, sys, tempfile

# Prices that a region lacks are taken from this one.
FIRST_REGION = "us-east-1"
PRICES_MODULE = "github.com/cristim/ec2-instances-info"
LIMITS_MODULE = "github.com/aws/amazon-vpc-resource-controller-k8s"
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
OUT = os.path.join(os.path.dirname(__file__), "../../src/providers/ec2/data/ec2.json")


def moto_json(path):
    # The package's data files are enough: it is not imported, so it needs none of its own dependencies.
    (folder,) = importlib.util.find_spec("moto").submodule_search_locations
    with gzip.open(os.path.join(folder, "ec2", "resources", path)) as file:
        return json.load(file)


def known_regions():
    """Those of which moto has zones, the first one first."""
    (folder,) = importlib.util.find_spec("moto").submodule_search_locations
    files = os.listdir(os.path.join(folder, "ec2", "resources", "instance_type_offerings", "availability-zone"))
    return sorted((name.removesuffix(".json.gz") for name in files), key=lambda name: (name != FIRST_REGION, name))


def go_module(name):
    """Folder and version of a Go module, by way of Go's module proxy."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "go.mod"), "w") as file:
            file.write("module catalogue\ngo 1.21\n")
        answer = subprocess.run(["go", "mod", "download", "-json", name + "@latest"], cwd=folder, check=True,
                                capture_output=True, env={**os.environ, "GOFLAGS": "-mod=mod"})
    module = json.loads(answer.stdout)
    return module["Dir"], module["Version"]


def price_entries():
    folder, version = go_module(PRICES_MODULE)
    with open(os.path.join(folder, "data", "instances.json")) as file:
        return {entry["instance_type"]: entry for entry in json.load(file)}, version


def branch_interfaces():
    """How many branch interfaces (security groups for pods) a type has; no AWS API tells it."""
    folder, version = go_module(LIMITS_MODULE)
    with open(os.path.join(folder, "pkg", "aws", "vpc", "limits.go")) as file:
        text = file.read()
    pattern = r'^\t"([a-z0-9.-]+)": \{.*?IsTrunkingCompatible:\s+(true|false).*?BranchInterface:\s+(\d+)'
    found = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    return {name: int(count) for name, trunking, count in found if trunking == "true"}, version


def is_for_nodes(facts):
    """What can run Linux nodes: hardware virtualisation and one of the two architectures; no Macs."""
    return "hvm" in facts["SupportedVirtualizationTypes"] and architecture(facts) is not None


def architecture(facts):
    for one in facts["ProcessorInfo"]["SupportedArchitectures"]:
        if one in ARCHITECTURES:
            return ARCHITECTURES[one]
    return None


def kebab(text):
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def devices(entries):
    """Name, manufacturer, count and memory of the only kind of device, or None."""
    if len(entries) != 1:
        return None
    (device,) = entries
    memory = device.get("MemoryInfo", {}).get("SizeInMiB", 0)
    return [kebab(device["Name"]), kebab(device.get("Manufacturer", "aws")), device.get("Count", 1), memory]


def network_mbps(performance, cards):
    """What a machine always has: all of a fixed performance, of an "Up to" the baseline of its cards, of "Moderate" nothing."""
    fixed = re.fullmatch(r"(?:(\d+)x )?(\d+(?:\.\d+)?) Gigabit", performance)
    if fixed:
        return round(int(fixed[1] or 1) * float(fixed[2]) * 1000)
    is_vague = not re.search(r"\d", performance)
    return 0 if is_vague else round(sum(card.get("BaselineBandwidthInGbps", 0) for card in cards) * 1000)


def hardware(name, facts, branches):
    """One row of the catalogue; the columns are named in main()."""
    network = facts["NetworkInfo"]
    cards = network.get("NetworkCards", [])
    default = network.get("DefaultNetworkCardIndex", 0)
    interfaces = next((card["MaximumNetworkInterfaces"] for card in cards if card["NetworkCardIndex"] == default),
                      network["MaximumNetworkInterfaces"])
    neuron = facts.get("NeuronInfo", {}).get("NeuronDevices", [])
    accelerators = neuron or facts.get("InferenceAcceleratorInfo", {}).get("Accelerators", [])
    ebs = facts.get("EbsInfo", {})
    optimized = ebs.get("EbsOptimizedInfo", {}) if ebs.get("EbsOptimizedSupport") == "default" else {}
    storage = facts.get("InstanceStorageInfo", {})
    has_nvme = storage.get("NvmeSupport", "unsupported") != "unsupported"
    return {
        "cpu": facts["VCpuInfo"]["DefaultVCpus"],
        "memoryMiB": facts["MemoryInfo"]["SizeInMiB"],
        "arch": architecture(facts),
        "maker": kebab(facts["ProcessorInfo"].get("Manufacturer", "")),
        "clockMhz": round(facts["ProcessorInfo"].get("SustainedClockSpeedInGhz", 0) * 1000),
        "hypervisor": facts.get("Hypervisor", ""),
        "interfaces": interfaces,
        "addresses": network["Ipv4AddressesPerInterface"],
        "efa": network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        "networkMbps": network_mbps(network.get("NetworkPerformance", ""), cards),
        "ebsMbps": optimized.get("MaximumBandwidthInMbps", 0),
        "nvmeGB": storage.get("TotalSizeInGB", 0) if has_nvme else 0,
        "encrypted": int(network.get("EncryptionInTransitSupported", False)),
        "spot": int("spot" in facts["SupportedUsageClasses"]),
        "capacityBlock": int("capacity-block" in facts["SupportedUsageClasses"]),
        "ena": int(network["EnaSupport"] != "unsupported"),
        "enclaves": int(facts.get("NitroEnclavesSupport") == "supported"),
        "nestedVirtualization": int("nested-virtualization" in facts["ProcessorInfo"].get("SupportedFeatures", [])),
        "clusterPlacement": int("cluster" in facts["PlacementGroupInfo"]["SupportedStrategies"]),
        "branchInterfaces": branches.get(name, 0),
        "cards": [card["MaximumNetworkInterfaces"] for card in cards] if len(cards) > 1 else None,
        "otherStorageGB": None if has_nvme else storage.get("TotalSizeInGB"),
        "neuronCores": neuron[0]["CoreInfo"]["Count"] if neuron else None,
        "gpu": devices(facts.get("GpuInfo", {}).get("Gpus", [])),
        "accelerator": devices(accelerators),
    }


def family_parts(name):
    """Category, generation and attributes: m6idn.large is m, 6, {i, d, n}."""
    match = re.match(r"^([a-z]+)(?:-\d+tb)?(\d+)([a-z-]*)", name.split(".")[0])
    return (match[1], int(match[2]), match[3]) if match else (name.split(".")[0], 0, "")


def extras(letters):
    """The attributes that cost more: network, block storage bandwidth, extra capacity, high frequency."""
    return set(letters.replace("-flex", "")) & set("nbez")


class Prices:
    """On-demand prices in USD per hour, measured or estimated."""

    def __init__(self, entries, rows):
        self.entries, self.rows = entries, rows

    def measured(self, name, region):
        entry = self.entries.get(name)
        text = entry and entry["pricing"].get(region, {}).get("linux", {}).get("ondemand")
        return float(text) if text and float(text) > 0 else None

    def factor(self, region):
        """How much dearer the region is than the first one: the median over the types that both have."""
        both = ((self.measured(name, region), self.measured(name, FIRST_REGION)) for name in self.rows)
        return statistics.median(here / there for here, there in both if here and there)

    def sibling(self, name, region):
        """
        What the same amount of the same kind of hardware costs in the newest generation that has a price: equal
        category, processor architecture and maker, processors, memory, accelerators, and local disks or none. The most
        similar variant counts; a generation is worth 5 % more, each letter for more network, disk speed or clock 30 %.
        """
        row, (category, generation, letters) = self.rows[name], family_parts(name)
        best = None
        for other, facts in self.rows.items():
            other_category, other_generation, other_letters = family_parts(other)
            keys = ("cpu", "memoryMiB", "arch", "maker", "gpu", "accelerator")
            if other_category != category or other_generation > generation or any(facts[k] != row[k] for k in keys):
                continue
            price = self.measured(other, region)
            if not price or bool(facts["nvmeGB"]) != bool(row["nvmeGB"]):
                continue
            more, less = extras(letters) - extras(other_letters), extras(other_letters) - extras(letters)
            step = generation - other_generation
            rank = (len(more) + len(less), step, other)
            if best is None or rank < best[0]:
                best = rank, price * 1.05 ** step * 1.3 ** (len(more) - len(less))
        return best[1] if best else None

    def linear(self, name, region):
        """The price of the family's nearest size that has one, by the number of processors."""
        family, row = name.split(".")[0], self.rows[name]
        sizes = [(abs(facts["cpu"] - row["cpu"]), price / facts["cpu"]) for other, facts in self.rows.items()
                 if other.split(".")[0] == family and (price := self.measured(other, region))]
        return min(sizes)[1] * row["cpu"] if sizes else None

    def of(self, name, region, factors):
        """Price and how it was found: 0 measured, 1 estimated; (None, ...) when nothing is comparable."""
        price = self.measured(name, region)
        if price:
            return price, 0
        first = FIRST_REGION
        for estimate, home in ((self.linear, region), (self.measured, first), (self.linear, first),
                               (self.sibling, region), (self.sibling, first)):
            price = estimate(name, home)
            if price:
                return price * factors[region] / factors[home], 1
        return None, 1


def zone_sets(region):
    zones = {}
    for offering in moto_json(f"instance_type_offerings/availability-zone/{region}.json.gz"):
        zones.setdefault(offering["InstanceType"], set()).add(offering["Location"])
    return zones, sorted(set().union(*zones.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=OUT)
    parser.add_argument("--check", help="a JSON file {type: price} of us-east-1 prices to compare the result with")
    options = parser.parse_args()
    regions_known = known_regions()
    facts = {name: one for name, one in moto_json("instance_types.json.gz").items() if is_for_nodes(one)}
    branches, limits_version = branch_interfaces()
    rows = {name: hardware(name, facts[name], branches) for name in sorted(facts)}
    entries, prices_version = price_entries()
    prices = Prices(entries, rows)
    factors = {region: prices.factor(region) for region in regions_known}

    regions, sold = {}, {}
    for region in regions_known:
        zones, names = zone_sets(region)
        sold[region] = {}
        for name in rows:
            price, estimated = prices.of(name, region, factors) if name in zones else (None, 0)
            if price is not None:
                mask = sum(1 << i for i, zone in enumerate(names) if zone in zones[name])
                sold[region][name] = (mask, float(f"{price:.6g}"), estimated)
        regions[region] = names

    kept = [name for name in rows if any(name in sold[region] for region in regions_known)]
    columns = {key: [rows[name][key] for name in kept] for key in next(iter(rows.values()))}
    for key in ("gpu", "accelerator", "cards", "otherStorageGB", "neuronCores"):
        columns[key] = {name: value for name, value in zip(kept, columns[key]) if value}
    for key in ("arch", "maker", "hypervisor"):
        values = sorted(set(columns[key]))
        columns[key] = {"values": values, "of": [values.index(value) for value in columns[key]]}
    date = prices_version.split("-")[-2][:8]
    catalogue = {
        "origin": {
            "hardware": f"PyPI moto {importlib.metadata.version('moto')}",
            "prices": f"Go module {PRICES_MODULE} {prices_version}",
            "branchInterfaces": f"Go module {LIMITS_MODULE} {limits_version}",
            "pricesDate": f"{date[:4]}-{date[4:6]}-{date[6:]}",
            "made": "tools/catalogue/catalogue.py",
        },
        "names": kept,
        "columns": columns,
        "regions": {region: {
            "zones": regions[region],
            "zoneMask": [sold[region].get(name, (0,))[0] for name in kept],
            "usdPerHour": [sold[region].get(name, (0, 0))[1] for name in kept],
            "estimated": [i for i, name in enumerate(kept) if sold[region].get(name, (0, 0, 0))[2]],
        } for region in regions_known},
    }
    with open(options.out, "w") as file:
        file.write(compact(catalogue))
    for region in regions_known:
        estimated = sum(one[2] for one in sold[region].values())
        print(f"{region}: {len(sold[region])} types, {estimated} with an estimated price, factor {factors[region]:.3f}")
    if options.check:
        check(options.check, sold[FIRST_REGION])


def compact(catalogue):
    """One line per column: small, and still readable in a diff."""
    def lines(value, depth):
        if isinstance(value, dict) and depth < 3:
            inner = ",\n".join(f"{json.dumps(key)}:{lines(one, depth + 1)}" for key, one in value.items())
            return "{\n" + inner + "\n}"
        return json.dumps(value, separators=(",", ":"))
    return lines(catalogue, 0) + "\n"


def check(path, sold):
    with open(path) as file:
        true = json.load(file)
    errors = {0: [], 1: []}
    for name, (_, price, estimated) in sold.items():
        if name in true:
            errors[estimated].append((abs(price / true[name] - 1), name, price, true[name]))
    for estimated, list_ in errors.items():
        list_.sort()
        print(["measured", "estimated"][estimated], len(list_), "median error", list_[len(list_) // 2][0] if list_ else None,
              "90 %", list_[len(list_) * 9 // 10][0] if list_ else None, list_[-12:])


if __name__ == "__main__":
    sys.exit(main())
