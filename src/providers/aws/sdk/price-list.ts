import * as ec2 from "@aws-sdk/client-ec2";
import * as pricing from "@aws-sdk/client-pricing";
import type { Clock } from "../../../ports/clock.ts";
import type { Clients } from "./clients.ts";

/** Linux on shared hosts and on bare metal: the two lists that together have every type. */
const LISTS = [
  { tenancy: "Shared", productFamily: "Compute Instance" },
  { tenancy: "Dedicated", productFamily: "Compute Instance (bare metal)" },
];
const FILTERS = {
  serviceCode: "AmazonEC2",
  preInstalledSw: "NA",
  operatingSystem: "Linux",
  capacitystatus: "Used",
  marketoption: "OnDemand",
};
const PRODUCTS = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"];

export function priceCalls({ ec2Read, pricing: client }: Clients, { region, clock }: { region: string; clock: Clock }) {
  return {
    describeSpotPrices: {
      action: "ec2:DescribeSpotPriceHistory",
      async run() {
        const input = { StartTime: new Date(clock.nowMs()), ProductDescriptions: PRODUCTS };
        const prices: { instanceType: string; zone: string; usdPerHour: number }[] = [];
        for await (const page of ec2.paginateDescribeSpotPriceHistory({ client: ec2Read, pageSize: 1_000 }, input)) {
          for (const { InstanceType = "", AvailabilityZone = "", SpotPrice } of page.SpotPriceHistory ?? []) {
            const usdPerHour = Number(SpotPrice);
            if (usdPerHour > 0) prices.push({ instanceType: InstanceType, zone: AvailabilityZone, usdPerHour });
          }
        }
        return prices;
      },
    },
    onDemandPrices: {
      action: "pricing:GetProducts",
      run: async () => (await Promise.all(LISTS.map((list) => listed(client, region, list)))).flat(),
    },
  };
}

async function listed(client: pricing.PricingClient, region: string, list: Readonly<Record<string, string>>) {
  const wanted = { ...FILTERS, ...list, regionCode: region };
  const Filters = Object.entries(wanted).map(([Field, Value]) => ({ Field, Value, Type: "TERM_MATCH" as const }));
  const prices: { instanceType: string; usdPerHour: number }[] = [];
  for await (const page of pricing.paginateGetProducts(
    { client, pageSize: 100 },
    { ServiceCode: "AmazonEC2", Filters },
  )) {
    for (const text of page.PriceList ?? []) {
      const price = priceIn(JSON.parse(String(text)), region.startsWith("cn-") ? "CNY" : "USD");
      if (price !== undefined) prices.push(price);
    }
  }
  return prices;
}

type Product = {
  product?: { attributes?: { instanceType?: string } };
  terms?: {
    OnDemand?: Record<string, { priceDimensions?: Record<string, { pricePerUnit?: Record<string, string> }> }>;
  };
};

/** The hourly price of one entry of the list; undefined where it has none in that currency. */
export function priceIn(
  { product, terms }: Product,
  currency: string,
): { instanceType: string; usdPerHour: number } | undefined {
  const instanceType = product?.attributes?.instanceType;
  for (const { priceDimensions = {} } of Object.values(terms?.OnDemand ?? {})) {
    for (const { pricePerUnit } of Object.values(priceDimensions)) {
      const usdPerHour = Number(pricePerUnit?.[currency]);
      if (instanceType !== undefined && usdPerHour > 0) return { instanceType, usdPerHour };
    }
  }
  return undefined;
}
