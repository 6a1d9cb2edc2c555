// A path that is not served: it must not compile.
import type { paths } from "./bluehelm";

export const path: keyof paths = "/v1/mission";
