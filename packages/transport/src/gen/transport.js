/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

// Common aliases
const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

// Exported root namespace
const $root = $protobuf.roots["mako-transport"] || ($protobuf.roots["mako-transport"] = {});

export const mako = $root.mako = (() => {

    /**
     * Namespace mako.
     * @exports mako
     * @namespace
     */
    const mako = {};

    mako.transport = (function() {

        /**
         * Namespace transport.
         * @memberof mako
         * @namespace
         */
        const transport = {};

        transport.Hello = (function() {

            /**
             * Properties of a Hello.
             * @typedef {Object} mako.transport.Hello.$Properties
             * @property {number|null} [version] Hello version
             * @property {string|null} [clusterId] Hello clusterId
             * @property {string|null} [from] Hello from
             * @property {string|null} [to] Hello to
             * @property {number|null} [incarnation] Hello incarnation
             * @property {number|null} [attempt] Hello attempt
             * @property {mako.transport.Purpose|null} [purpose] Hello purpose
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */

            /**
             * Properties of a Hello.
             * @memberof mako.transport
             * @interface IHello
             * @augments mako.transport.Hello.$Properties
             * @deprecated Use mako.transport.Hello.$Properties instead.
             */

            /**
             * Shape of a Hello.
             * @typedef {mako.transport.Hello.$Properties} mako.transport.Hello.$Shape
             */

            /**
             * Constructs a new Hello.
             * @memberof mako.transport
             * @classdesc Represents a Hello.
             * @constructor
             * @param {mako.transport.Hello.$Properties=} [properties] Properties to set
             * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
             */
            const Hello = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            /**
             * Hello version.
             * @member {number} version
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.version = 0;

            /**
             * Hello clusterId.
             * @member {string} clusterId
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.clusterId = "";

            /**
             * Hello from.
             * @member {string} from
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.from = "";

            /**
             * Hello to.
             * @member {string} to
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.to = "";

            /**
             * Hello incarnation.
             * @member {number} incarnation
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.incarnation = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * Hello attempt.
             * @member {number} attempt
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.attempt = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            /**
             * Hello purpose.
             * @member {mako.transport.Purpose} purpose
             * @memberof mako.transport.Hello
             * @instance
             */
            Hello.prototype.purpose = 0;

            /**
             * Encodes the specified Hello message. Does not implicitly {@link mako.transport.Hello.verify|verify} messages.
             * @function encode
             * @memberof mako.transport.Hello
             * @static
             * @param {mako.transport.Hello.$Properties} message Hello message or plain object to encode
             * @param {$protobuf.Writer} [writer] Writer to encode to
             * @returns {$protobuf.Writer} Writer
             */
            Hello.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.version != null && $Object.hasOwnProperty.call(message, "version") && message.version !== 0)
                    writer.uint32(/* id 1, wireType 0 =*/8).uint32(message.version);
                if (message.clusterId != null && $Object.hasOwnProperty.call(message, "clusterId") && message.clusterId !== "")
                    writer.uint32(/* id 2, wireType 2 =*/18).string(message.clusterId);
                if (message.from != null && $Object.hasOwnProperty.call(message, "from") && message.from !== "")
                    writer.uint32(/* id 3, wireType 2 =*/26).string(message.from);
                if (message.to != null && $Object.hasOwnProperty.call(message, "to") && message.to !== "")
                    writer.uint32(/* id 4, wireType 2 =*/34).string(message.to);
                if (message.incarnation != null && $Object.hasOwnProperty.call(message, "incarnation") && (typeof message.incarnation === "object" ? message.incarnation.low || message.incarnation.high : message.incarnation !== 0))
                    writer.uint32(/* id 5, wireType 0 =*/40).uint64(message.incarnation);
                if (message.attempt != null && $Object.hasOwnProperty.call(message, "attempt") && (typeof message.attempt === "object" ? message.attempt.low || message.attempt.high : message.attempt !== 0))
                    writer.uint32(/* id 6, wireType 0 =*/48).uint64(message.attempt);
                if (message.purpose != null && $Object.hasOwnProperty.call(message, "purpose") && message.purpose !== 0)
                    writer.uint32(/* id 7, wireType 0 =*/56).int32(message.purpose);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            /**
             * Decodes a Hello message from the specified reader or buffer.
             * @function decode
             * @memberof mako.transport.Hello
             * @static
             * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
             * @param {number} [length] Message length if known beforehand
             * @returns {mako.transport.Hello & mako.transport.Hello.$Shape} Hello
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            Hello.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.mako.transport.Hello();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.version = value;
                            else
                                delete message.version;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.clusterId = value;
                            else
                                delete message.clusterId;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.from = value;
                            else
                                delete message.from;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.to = value;
                            else
                                delete message.to;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.incarnation = value;
                            else
                                delete message.incarnation;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.attempt = value;
                            else
                                delete message.attempt;
                            continue;
                        }
                    case 7: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.purpose = value;
                            else
                                delete message.purpose;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Hello;
        })();

        /**
         * Purpose enum.
         * @name mako.transport.Purpose
         * @enum {number}
         * @property {number} PURPOSE_UNSPECIFIED=0 PURPOSE_UNSPECIFIED value
         * @property {number} PURPOSE_LINK=1 PURPOSE_LINK value
         * @property {number} PURPOSE_KNOCK=2 PURPOSE_KNOCK value
         */
        transport.Purpose = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "PURPOSE_UNSPECIFIED"] = 0;
            values[valuesById[1] = "PURPOSE_LINK"] = 1;
            values[valuesById[2] = "PURPOSE_KNOCK"] = 2;
            return values;
        })();

        return transport;
    })();

    return mako;
})();

export {
  $root as default
};
