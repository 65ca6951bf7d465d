// detach/mark/free from within clock, backend functions
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct M{int64_t a[40];} m;
static lily_session*S; static lily_session_runtime*R; static lily_session_storage*ST; static int mode,armed;
static void act(void){ if(!armed)return; armed=0; printf("  act %d\n",mode);fflush(stdout);
 switch(mode%10){case 0: lily_session_detach(S);S=0;break; case 1: lily_session_abandon(S);S=0;break; case 2: lily_session_runtime_free(R);R=0;break;
  case 3: for(int i=0;i<40;i++){char k[8];sprintf(k,"f%d",i);lily_session_mark(S,k);} break;
  case 4: lily_session_persist(S);break; case 5: lily_session_storage_close(ST);ST=0;break; case 6: lily_session_clear(ST);break; case 7: lily_session_refresh(S); break; case 8: m.a[0]++; lily_session_runtime_dispatch(R,0); break; } }
static int64_t T=1000000;
static int64_t clk(void*c){act();return T;}
static void*upd(void*c,void*mo,const void*ms){return mo;}
static void ev(void*c,const lily_session_event*e){printf("  event %d %d %s\n",e->kind,e->status,e->key?e->key:"-");}
int main(int c,char**v){ mode=atoi(v[1]); int where=mode/10;
 lily_session_storage_options o=LILY_SESSION_STORAGE_OPTIONS_INIT; o.clock=clk;
 lily_session_storage_open_memory(&o,&ST);
 lily_session_persistence*p=lily_session_persistence_new();
 char keys[40][8];
 for(int i=0;i<40;i++){ sprintf(keys[i],"f%d",i); lily_session_field f=LILY_SESSION_FIELD_INIT; f.key=keys[i];f.types=LILY_SESSION_INT;f.member_type=LILY_SESSION_MEMBER_INT64;f.member_offset=8*i;f.member_size=8;f.expires_after_ms=1000; lily_session_field_add(p,&f);}
 // far deadlines: to be corrected
 if(where==3) for(int i=0;i<3;i++){char k[32];sprintf(k,"lily_session_f%d",i);lily_session_storage_set(ST,k,"7",1,T+1000000);}
 lily_session_runtime_new(&m,upd,0,&R);
 lily_session_config cfg=LILY_SESSION_CONFIG_INIT; cfg.storage=ST;cfg.on_event=ev;
 printf("attach %d\n",lily_session_attach(R,p,&cfg,&S));
 m.a[30]=5; if(where!=3) printf("persist %d\n",lily_session_persist(S));
 int32_t st=-1; armed=1;
 switch(where){case 0: printf("state %d",lily_session_field_state(S,"f30",&st));printf(" %d\n",st);break;
  case 1: printf("next %lld\n",(long long)lily_session_next_expiry(S));break;
  case 2: m.a[31]=9; printf("dispatch %d\n",lily_session_runtime_dispatch(R,0));break;
  case 3: m.a[31]=0; printf("flush %d\n",lily_session_flush(S));break;
  case 4: printf("touch %d\n",lily_session_touch(S,"f30"));break;
  case 5: printf("refresh %d\n",lily_session_refresh(S));break;
  case 6: lily_session_detach(S);S=0;break;
 }
 if(S&&R)printf("persist %d\n",lily_session_persist(S));
 lily_session_detach(S); lily_session_runtime_free(R); lily_session_storage_close(ST); lily_session_persistence_free(p); puts("end"); }
