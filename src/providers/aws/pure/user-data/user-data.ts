import type { AmiFamily } from "../ami-family.ts";
import { al2UserData } from "./al2.ts";
import { al2023UserData } from "./al2023.ts";
import type { Bootstrap, UserData } from "./bootstrap.ts";
import { bottlerocketUserData } from "./bottlerocket.ts";
import { windowsUserData } from "./windows.ts";

/**
 * What the machine reads at its start: the user's part, and what makes it join the cluster.
 * @source reference of the AWS provider, section 5
 */
export function userDataOf(family: AmiFamily, bootstrap: Bootstrap): UserData {
  switch (family) {
    case "AL2":
      return al2UserData(bootstrap);
    case "AL2023":
      return al2023UserData(bootstrap);
    case "Bottlerocket":
      return bottlerocketUserData(bootstrap);
    case "Windows2019":
    case "Windows2022":
    case "Windows2025":
      return windowsUserData(bootstrap);
    case "Custom":
      return { text: bootstrap.userData ?? "" };
  }
}
