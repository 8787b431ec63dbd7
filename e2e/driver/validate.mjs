// Judges payloads as a TypeScript program would that has the protos and
// @bufbuild/protovalidate. One JSON object on stdin: {set, messages: [{name, payloads}]}, set being
// a FileDescriptorSet in base64; on stdout for each message and payload its verdict:
// {violations: [{path, rule}]}, none of them where it passes, or {error}.
import { createFileRegistry, fromBinary, fromJson } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { text } from "node:stream/consumers";

const { set, messages } = JSON.parse(await text(process.stdin));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(set, "base64")));
const validator = createValidator({ registry });

const judge = (schema, payload) => {
  try {
    const result = validator.validate(schema, fromJson(schema, payload, { registry }));
    if (result.kind === "error") return { error: String(result.error) };
    const violations = result.kind === "valid" ? [] : result.violations;
    return { violations: violations.map((v) => ({ path: pathToString(v.field), rule: v.ruleId })) };
  } catch (error) {
    return { error: String(error) };
  }
};

process.stdout.write(JSON.stringify(messages.map(({ name, payloads }) => {
  const schema = registry.getMessage(name);
  return payloads.map((payload) => judge(schema, payload));
})));
