// A value that no code list has: it must not compile.
import type { operations } from "./bluehelm";

export const query: NonNullable<operations["listMissions"]["parameters"]["query"]> = { status: ["retired"] };
