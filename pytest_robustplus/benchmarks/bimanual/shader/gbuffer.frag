#version 450
// One pass, one target: colour under an ambient light, directional lights with soft shadows, and point lights.
// On a processor a picture costs by what is computed for every pixel, so this computes nothing that no task shows:
// no positions, no segmentation, no environment map, no light of another kind. Names, sets, bindings and the order of
// constants are SAPIEN's; the bodies of the lights that are missing here have no pixels, only their places.

layout(constant_id = 0) const int NUM_DIRECTIONAL_LIGHTS = 0;
layout(constant_id = 1) const int NUM_DIRECTIONAL_LIGHT_SHADOWS = 0;
layout(constant_id = 2) const int NUM_POINT_LIGHTS = 0;

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

layout(set = 2, binding = 0) uniform MaterialBuffer {
  vec4 emission;
  vec4 baseColor;
  float fresnel;
  float roughness;
  float metallic;
  float transmission;
  float ior;
  float transmissionRoughness;
  int textureMask;
  int padding1;
  vec4 textureTransforms[6];
} materialBuffer;

layout(set = 2, binding = 1) uniform sampler2D colorTexture;
layout(set = 2, binding = 2) uniform sampler2D roughnessTexture;
layout(set = 2, binding = 3) uniform sampler2D normalTexture;
layout(set = 2, binding = 4) uniform sampler2D metallicTexture;
layout(set = 2, binding = 5) uniform sampler2D emissionTexture;
layout(set = 2, binding = 6) uniform sampler2D transmissionTexture;

struct PointLight {
  vec4 position;
  vec4 emission;
};

struct DirectionalLight {
  vec4 direction;
  vec4 emission;
};

struct SpotLight {
  vec4 position;
  vec4 direction;
  vec4 emission;
};

layout(set = 3, binding = 0) uniform SceneBuffer {
  vec4 ambientLight;
  PointLight pointLights[4];
  DirectionalLight directionalLights[1];
  SpotLight spotLights[1];
  SpotLight texturedLights[1];
} sceneBuffer;

struct LightBuffer {
  mat4 viewMatrix;
  mat4 viewMatrixInverse;
  mat4 projectionMatrix;
  mat4 projectionMatrixInverse;
  int width;
  int height;
};

layout(set = 3, binding = 1) uniform ShadowBuffer {
  LightBuffer pointLightBuffers[6];
  LightBuffer directionalLightBuffers[1];
  LightBuffer spotLightBuffers[1];
  LightBuffer texturedLightBuffers[1];
} shadowBuffer;

layout(set = 3, binding = 2) uniform samplerCube samplerPointLightDepths[1];
layout(set = 3, binding = 3) uniform sampler2D samplerDirectionalLightDepths[1];
layout(set = 3, binding = 4) uniform sampler2D samplerSpotLightDepths[1];
layout(set = 3, binding = 5) uniform sampler2D samplerTexturedLightDepths[1];
layout(set = 3, binding = 6) uniform sampler2D samplerTexturedLightTextures[1];

layout(location = 0) in vec3 place;
layout(location = 1) in vec3 upright;
layout(location = 2) in vec2 spot;

layout(location = 0) out vec4 outPicture;

const float PI = 3.14159265;

// Lambert's diffuse light and the microfacets of Cook and Torrance: distribution of Trowbridge and Reitz, masking and
// Fresnel term of Schlick. towards: of unit length, from the surface to the light.
vec3 reflected(vec3 towards, vec3 normal, vec3 eye, vec3 diffuse, vec3 head_on, float roughness) {
  float lit = max(dot(normal, towards), 0);
  vec3 halfway = normalize(towards + eye);
  float seen = max(dot(normal, eye), 1e-4);
  float a = roughness * roughness;
  float a2 = a * a;
  float n = max(dot(normal, halfway), 0);
  float spread = n * n * (a2 - 1) + 1;
  float k = (roughness + 1) * (roughness + 1) / 8;
  float grazing = 1 - max(dot(eye, halfway), 0);
  float grazing2 = grazing * grazing;
  vec3 mirrored = head_on + (1 - head_on) * (grazing2 * grazing2 * grazing);
  float masked = 4 * (lit * (1 - k) + k) * (seen * (1 - k) + k);
  return lit / PI * (diffuse + mirrored * (a2 / max(spread * spread * masked, 1e-6)));
}

// The share of light that reaches this place: 4 × 4 texels of the shadow map, smoothly weighted at their rim.
float unshadowed() {
  LightBuffer light = shadowBuffer.directionalLightBuffers[0];
  vec4 there = light.projectionMatrix * (light.viewMatrix * vec4(place, 1));
  vec3 at = there.xyz / there.w;
  at.xy = at.xy * 0.5 + 0.5;
  vec2 texel = 1.0 / vec2(textureSize(samplerDirectionalLightDepths[0], 0));
  vec2 share = fract(at.xy / texel + 0.5);
  vec4 depth = vec4(at.z);
  vec4 sw = step(depth, textureGather(samplerDirectionalLightDepths[0], at.xy + texel * vec2(-1, -1)));
  vec4 se = step(depth, textureGather(samplerDirectionalLightDepths[0], at.xy + texel * vec2(1, -1)));
  vec4 nw = step(depth, textureGather(samplerDirectionalLightDepths[0], at.xy + texel * vec2(-1, 1)));
  vec4 ne = step(depth, textureGather(samplerDirectionalLightDepths[0], at.xy + texel * vec2(1, 1)));
  // A gather answers (x0 y1), (x1 y1), (x1 y0), (x0 y0). Columns and rows weigh 1 − share, 1, 1, share; the window is 3 wide.
  vec4 columns = vec4(1 - share.x, 1, 1, share.x) / 3;
  float lowest = dot(columns, vec4(sw.w, sw.z, se.w, se.z));
  float lower = dot(columns, vec4(sw.x, sw.y, se.x, se.y));
  float upper = dot(columns, vec4(nw.w, nw.z, ne.w, ne.z));
  float uppermost = dot(columns, vec4(nw.x, nw.y, ne.x, ne.y));
  return dot(vec4(1 - share.y, 1, 1, share.y) / 3, vec4(lowest, lower, upper, uppermost));
}

void main() {
  vec3 colour = materialBuffer.baseColor.rgb;
  if ((materialBuffer.textureMask & 1) != 0) {
    colour = texture(colorTexture, spot * materialBuffer.textureTransforms[0].zw + materialBuffer.textureTransforms[0].xy).rgb;
  }
  vec3 diffuse = colour * (1 - materialBuffer.metallic);
  vec3 head_on = mix(vec3(materialBuffer.fresnel * 0.08), colour, materialBuffer.metallic);
  vec3 eye = normalize(cameraBuffer.viewMatrixInverse[3].xyz - place);
  vec3 normal = normalize(upright);
  normal = faceforward(normal, -eye, normal);

  vec3 light = materialBuffer.emission.rgb * materialBuffer.emission.a + sceneBuffer.ambientLight.rgb * colour;
  for (int i = 0; i < NUM_DIRECTIONAL_LIGHTS; ++i) {
    vec3 towards = -sceneBuffer.directionalLights[i].direction.xyz;
    float share = i < NUM_DIRECTIONAL_LIGHT_SHADOWS && dot(towards, normal) > 0 ? unshadowed() : 1.0;
    light += share * sceneBuffer.directionalLights[i].emission.rgb
        * reflected(towards, normal, eye, diffuse, head_on, materialBuffer.roughness);
  }
  for (int i = 0; i < NUM_POINT_LIGHTS; ++i) {
    vec3 way = sceneBuffer.pointLights[i].position.xyz - place;
    float squared = max(dot(way, way), 1e-6);
    light += sceneBuffer.pointLights[i].emission.rgb / squared
        * reflected(way * inversesqrt(squared), normal, eye, diffuse, head_on, materialBuffer.roughness);
  }
  outPicture = vec4(pow(light, vec3(1 / 2.2)), 1);
}
