#version 450
// Names, sets and bindings are SAPIEN's; what is done with them is in gbuffer.frag.

layout(set = 0, binding = 0) uniform CameraBuffer {
  mat4 viewMatrix;
  mat4 projectionMatrix;
  mat4 viewMatrixInverse;
  mat4 projectionMatrixInverse;
  float width;
  float height;
} cameraBuffer;

layout(set = 1, binding = 0) uniform ObjectTransformBuffer {
  mat4 modelMatrix;
} objectTransformBuffer;

layout(set = 1, binding = 1) uniform ObjectDataBuffer {
  uvec4 segmentation;
  float transparency;
  int shadeFlat;
} objectDataBuffer;

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;
layout(location = 3) in vec3 tangent;
layout(location = 4) in vec3 bitangent;

layout(location = 0) out vec3 place;
layout(location = 1) out vec3 upright;
layout(location = 2) out vec2 spot;

void main() {
  vec4 world = objectTransformBuffer.modelMatrix * vec4(position, 1);
  place = world.xyz;
  // Right for rigid meshes and for boxes of any size; inverting a matrix at every vertex is what this leaves out.
  upright = mat3(objectTransformBuffer.modelMatrix) * normal;
  spot = uv;
  gl_Position = cameraBuffer.projectionMatrix * (cameraBuffer.viewMatrix * world);
}
